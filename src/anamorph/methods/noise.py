"""Noise of a given size: what a protection must beat to be more than noise.

    sign noise        x* = clip(x + epsilon s),          s = -1 or 1, at random
    uniform noise     x* = clip(x + u),                  u whole levels in [-epsilon, epsilon]
    Gaussian noise    x* = clip(x + r n),                n ~ N(0, 1)
    null-space noise  x* = clip(x + r n_0 / rms(n_0)),   n_0 = n - A+ A n

r is the root mean square change of the picture that the noise is compared with. Noise is rounded to
the levels of an 8-bit file, and clipped to its range.

Null-space noise ("Catch-Only-One", arXiv:2510.10982). A is the authorized model's first layer with
all that comes before it, resizing too, as a map of changes: f_1(x + d) = f_1(x) + A d. Its null
space is found for each picture by least squares: n_0 is what conjugate gradients (CGLS) leave of n
after taking out A+ A n. The first rounds take what the layer sees best, so that where A has no null
space (overlapping windows, pictures no larger than the network's) what is left is what it sees
worst. Where it differs from the paper: no limit on singular values but one on rounds, and the
picture stays a picture, so rounding and clipping give the layer back a little to see.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.methods.keeping import Keeping
from anamorph.optimize.problem import Problem
from anamorph.optimize.rows import shaped
from anamorph.optimize.starts import normal, uniform, uniform_in_ball
from anamorph.optimize.steps import Sign
from anamorph.optimize.terms import Terms
from anamorph.types import Images, PerSample, Reader, Seeds

_LINEAR = 1e-3
"""Largest departure from a straight line, relative to the response, of a layer that is affine."""


def sign_noise(x: Images, epsilon: float, seeds: Seeds) -> Images:
    """Every value moved by epsilon, up or down.

    Example:
        >>> x = torch.full((1, 3, 2, 2), 0.4)
        >>> sorted((255 * sign_noise(x, 0.2, [0])).unique().tolist())
        [51.0, 153.0]
    """
    up = uniform(tuple(x.shape[1:]), seeds).to(x) < 0.5
    return _levels(torch.where(up, x + epsilon, x - epsilon))


def uniform_noise(x: Images, epsilon: float, seeds: Seeds) -> Images:
    """Every value moved by whole levels, all equally likely up to epsilon."""
    return _levels(uniform_in_ball(x, epsilon, seeds))


def gaussian_noise(x: Images, like: Images, seeds: Seeds) -> Images:
    """Normal noise of the root mean square change that `like` has, picture by picture."""
    noise = normal(tuple(x.shape[1:]), seeds).to(x)
    return _levels(x + _scaled(noise, like - x))


def null_space_noise(
    x: Images, like: Images, first: Callable[[Images], Tensor], seeds: Seeds, rounds: int = 30
) -> Images:
    """Noise of the size of `like`'s change that the first layer sees as little of as can be.

    Args:
        x: (n, c, h, w) pictures.
        like: pictures whose root mean square change it gets.
        first: the first layer's output, as a function of pictures; affine.
        seeds: one per picture.
        rounds: of conjugate gradients, each a forward and a backward pass of the layer.

    Raises:
        UsageError: `first` is not affine, as after a rectifier.
    """
    noise = normal(tuple(x.shape[1:]), seeds).to(x)
    hidden = noise - _seen_part(noise, first, rounds)
    return _levels(x + _scaled(hidden, like - x))


def at_rest(start: Images, authorized: Reader, keeping: Keeping, target: Tensor) -> Problem[Any]:
    """Noise as a problem that ends where it starts, so that it runs as the methods do.

    Args:
        start: the noisy pictures.
        authorized: the model that is to keep reading; nothing is done for it.
        keeping: what it should keep.
        target: what to keep of each picture.
    """

    def objective(x_star: Tensor, wanted: Tensor) -> Terms:
        slack = keeping.slack(authorized(x_star), wanted)
        return Terms(parts={"nothing": torch.zeros_like(slack)}, slack=slack)

    return Problem(
        sense="max",
        objective=objective,
        start=start,
        context=target,
        step=Sign(0.0),
        project=lambda x_star, _: x_star,
        iterations=0,
    )


def _seen_part(noise: Tensor, first: Callable[[Images], Tensor], rounds: int) -> Tensor:
    """A+ A n by CGLS, up to what the rounds reach: argmin over u of |A u - A n|, least in norm."""
    with torch.enable_grad():
        origin = torch.zeros_like(noise, requires_grad=True)
        at_origin = first(origin)

    def forth(change: Tensor) -> Tensor:
        with torch.no_grad():
            return first(change) - at_origin

    def back(response: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(at_origin, origin, response, retain_graph=True)
        return gradient

    residual = forth(noise)
    _check_affine(residual, forth(2 * noise))
    slope = back(residual)
    way, size = slope, _squares(slope)
    seen = torch.zeros_like(noise)
    tiny = torch.finfo(noise.dtype).tiny
    least = size * (100 * torch.finfo(noise.dtype).eps) ** 2  # below, there is but rounding left
    for _ in range(rounds):
        response = forth(way)
        length = (size / _squares(response).clamp_min(tiny)).where(size > least, 0)
        seen += shaped(length, way) * way
        residual = residual - shaped(length, residual) * response
        slope, before = back(residual), size
        size = _squares(slope)
        way = slope + shaped(size / before.clamp_min(tiny), way) * way
    return seen


def _check_affine(once: Tensor, twice: Tensor) -> None:
    bent = float((twice - 2 * once).abs().max())
    if bent > _LINEAR * float(twice.abs().max()):
        raise UsageError(
            "the first layer does not answer twice the change with twice the response; "
            "give a layer before any rectifier, such as the first convolution"
        )


def _levels(images: Tensor) -> Images:
    """The nearest pictures that an 8-bit file can hold."""
    return images.mul(255).round_().clamp_(0, 255).div_(255)


def _scaled(noise: Tensor, change: Tensor) -> Tensor:
    """Noise with the root mean square of a change, for each picture."""
    tiny = torch.finfo(noise.dtype).tiny
    factor = (_squares(change) / _squares(noise).clamp_min(tiny)).sqrt()
    return noise * shaped(factor, noise)


def _squares(rows: Tensor) -> PerSample:
    return rows.square().flatten(1).sum(1)
