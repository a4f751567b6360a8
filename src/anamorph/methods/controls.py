"""Controls: what a protection must beat to be more than noise, or more than an old attack.

    sign noise        x* = clip(x + epsilon s),          s = -1 or 1, at random
    Gaussian noise    x* = clip(x + r n),                n ~ N(0, 1)
    null-space noise  x* = clip(x + r n_0 / rms(n_0)),   n_0 = n - A+ A n
    PGD, MI-FGSM      max L(s(x*), y_s)  subject to  margin(f(x*), y) >= 0,  |x* - x| <= epsilon

r is the root mean square change of the picture that the noise is compared with, f the authorized
model. Noise is rounded to the levels of an 8-bit file, and clipped to its range.

Null-space noise ("Catch-Only-One", arXiv:2510.10982). A is the authorized model's first layer with
all that comes before it, resizing too, as a map of changes: f_1(x + d) = f_1(x) + A d. Its null
space is found for each picture by least squares: n_0 is what conjugate gradients (CGLS) leave of n
after taking out A+ A n. The first rounds take what the layer sees best, so that where A has no null
space (overlapping windows, pictures no larger than the network's) what is left is what it sees
worst. Where it differs from the paper: no limit on singular values but one on rounds, and the
picture stays a picture, so rounding and clipping give the layer back a little to see.

PGD (Madry et al. 2018) and MI-FGSM (Dong et al. 2018) push a surrogate s off its own reading y_s
while f keeps y; f pays by its weight, which grows while its margin is small (`Constrained`).
Without a surrogate s = f: the same loss is pushed up and held, so the picture ends where f is just
still right, and whether others err there is what the control tells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.methods.keeping import Keeping
from anamorph.optimize.combine import Constrained
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box, onto_linf_ball
from anamorph.optimize.starts import normal, uniform, uniform_in_ball
from anamorph.optimize.steps import MomentumSign, Sign
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, PerSample, Reader, Seeds

_LINEAR = 1e-3
"""Largest departure from a straight line, relative to the response, of a layer that is affine."""

_GROW = 3.0
"""Of the weight of keeping; it halves again. No product of the two is 1, where a model that is
pushed off the very reading it keeps would be pushed by rounding errors."""


def sign_noise(x: Images, epsilon: float, seeds: Seeds) -> Images:
    """Every value moved by epsilon, up or down.

    Example:
        >>> x = torch.full((1, 3, 2, 2), 0.4)
        >>> sorted((255 * sign_noise(x, 0.2, [0])).unique().tolist())
        [51.0, 153.0]
    """
    up = uniform(tuple(x.shape[1:]), seeds).to(x) < 0.5
    return _levels(torch.where(up, x + epsilon, x - epsilon))


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
        seen += _each(length, way) * way
        residual = residual - _each(length, residual) * response
        slope, before = back(residual), size
        size = _squares(slope)
        way = slope + _each(size / before.clamp_min(tiny), way) * way
    return seen


def _check_affine(once: Tensor, twice: Tensor) -> None:
    bent = float((twice - 2 * once).abs().max())
    if bent > _LINEAR * float(twice.abs().max()):
        raise UsageError(
            "the first layer does not answer twice the change with twice the response; "
            "give a layer before any rectifier, such as the first convolution"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """The parameters of projected gradient ascent that keeps a reading."""

    epsilon: float = knob(
        16 / 255,
        "Largest change of a value, in 8-bit levels.",
        symbol="ε",
        above=0,
        at_most=1,
        scale=255,
    )
    step_size: float = knob(
        2 / 255,
        "Change of a value in one step, in 8-bit levels.",
        symbol="α",
        above=0,
        at_most=1,
        scale=255,
    )
    steps: int = knob(20, "Gradient steps.", symbol="N", at_least=1)
    momentum: float = knob(
        0.0,
        "Decay of the accumulated gradient; 0 steps along the plain gradient.",
        symbol="μ",
        at_least=0,
        at_most=1,
    )
    comfort: float = knob(
        0.5,
        "Margin below which keeping gains weight (logits, or hundredths of a cosine).",
        at_least=0,
    )

    def __post_init__(self) -> None:
        check(self)


PRESETS: dict[str, PGD] = {"pgd": PGD(), "mi-fgsm": PGD(steps=10, momentum=1.0)}


class Misled(NamedTuple):
    """A model that is pushed off its reading; unlike FMD's surrogates it shows no features."""

    model: Reader
    keeping: Keeping
    """What it must not keep."""


class Pushed(NamedTuple):
    """What belongs to each picture."""

    x: Images
    target: Tensor  # y, or f(x)
    misread: tuple[Tensor, ...]  # y_s, or s(x), one per surrogate


def pgd_keeping(
    authorized: Reader,
    x: Images,
    keeping: Keeping,
    seeds: Seeds,
    p: PGD,
    target: Tensor | None = None,
    surrogates: Sequence[Misled] = (),
) -> Problem[Pushed]:
    """Write the problem down for a batch of pictures of one size.

    Args:
        authorized: the model that keeps reading.
        x: (n, c, h, w) pictures in [0, 1].
        keeping: what it must keep.
        seeds: one per picture.
        p: the parameters.
        target: (n,) labels to keep; without them, the model's own reading of x.
        surrogates: models that are to misread; without them, the authorized model itself.
    """
    with torch.no_grad():
        wanted = keeping.target(authorized(x)) if target is None else target
        misread = tuple(s.keeping.target(s.model(x)) for s in surrogates)

    def objective(x_star: Tensor, pushed: Pushed) -> Terms:
        output = authorized(x_star)
        utility = keeping.loss(output, pushed.target)  # L(f(x*), y)
        pairs = zip(surrogates, pushed.misread, strict=True)
        losses = [s.keeping.loss(s.model(x_star), y_s) for s, y_s in pairs] or [utility]
        return Terms(
            parts={"misreading": torch.stack(losses).mean(0), "utility": -utility},
            slack=keeping.slack(output, pushed.target),
        )

    def project(x_star: Tensor, pushed: Pushed) -> Tensor:
        return onto_box(onto_linf_ball(x_star, pushed.x, p.epsilon), 0, 1)

    return Problem(
        sense="max",
        objective=objective,
        start=onto_box(uniform_in_ball(x, p.epsilon, seeds), 0, 1),
        context=Pushed(x, wanted, misread),
        step=MomentumSign(p.step_size, p.momentum) if p.momentum else Sign(p.step_size),
        project=project,
        iterations=p.steps,
        combine=Constrained(constraint="utility", comfort=p.comfort, grow=_GROW),
    )


def _levels(images: Tensor) -> Images:
    """The nearest pictures that an 8-bit file can hold."""
    return images.mul(255).round_().clamp_(0, 255).div_(255)


def _scaled(noise: Tensor, change: Tensor) -> Tensor:
    """Noise with the root mean square of a change, for each picture."""
    tiny = torch.finfo(noise.dtype).tiny
    factor = (_squares(change) / _squares(noise).clamp_min(tiny)).sqrt()
    return noise * _each(factor, noise)


def _squares(rows: Tensor) -> PerSample:
    return rows.square().flatten(1).sum(1)


def _each(number: PerSample, like: Tensor) -> Tensor:
    return number.view(-1, *[1] * (like.dim() - 1))
