"""Purifiers: what takes noise off pictures, and with it the change that protects them.

Each is a plain denoiser, written beside its equation. None of them looks for the noise's level,
which the smooth part of a protecting change would hide from it: an attacker knows the usual budget
and denoises for that.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from anamorph.adversaries import denoiser
from anamorph.errors import UsageError

Pixels: TypeAlias = NDArray[np.uint8]
"""A decoded color picture, (h, w, 3)."""

Purifier: TypeAlias = Callable[[Pixels], Pixels]
"""A picture in, a cleaner one of the same size out; always the same for the same picture."""

SIGMA = 12 / 255
"""Standard deviation of the noise that is looked for: about that of a budget of 16 levels."""

LEARNED = "learned:"
"""How the name of a purifier from a file begins."""

_TV_ROUNDS = 60
_PATCH, _REACH = 5, 6
_NEGLIGIBLE = math.exp(-5)
_LEVELS, _SHIFTS = 4, 2


def purifier(name: str) -> Purifier:
    """The purifier of a name: one of `PURIFIERS`, or `learned:FILE` with a denoiser's weights.

    Raises:
        UsageError: there is none of that name.
        WeightsError: the file does not hold a denoiser.

    Example:
        >>> purifier("blur-away")
        Traceback (most recent call last):
            ...
        anamorph.errors.UsageError: there is no purifier 'blur-away'; choose nlm, tv, wavelet or \
learned:FILE
    """
    if name.startswith(LEARNED):
        return denoiser.load(Path(name.removeprefix(LEARNED)))
    if name not in PURIFIERS:
        known = ", ".join(sorted(PURIFIERS))
        raise UsageError(f"there is no purifier {name!r}; choose {known} or {LEARNED}FILE")
    return PURIFIERS[name]


def tv_chambolle(planes: Tensor, weight: float, rounds: int = _TV_ROUNDS) -> Tensor:
    """argmin over u of |u - f|^2 / 2 + weight * sum |grad u|, for each plane by itself.

    By projection in the dual (Chambolle 2004, eq. 9, tau = 1/4):
    u = f - div p,  p <- (p - tau grad u) / (1 + tau / weight |grad u|).

    Args:
        planes: f, (n, h, w).
        weight: how much a step in the picture costs; larger is smoother.
        rounds: how often p is improved.
    """
    tau = 0.25
    down, across = torch.zeros_like(planes), torch.zeros_like(planes)  # p
    grad_down, grad_across = torch.zeros_like(planes), torch.zeros_like(planes)
    u = planes.clone()
    for _ in range(rounds):
        torch.sub(u[:, 1:], u[:, :-1], out=grad_down[:, :-1])
        torch.sub(u[:, :, 1:], u[:, :, :-1], out=grad_across[:, :, :-1])
        scale = (
            grad_down.square().addcmul_(grad_across, grad_across).sqrt_().mul_(tau / weight).add_(1)
        )
        down.sub_(grad_down, alpha=tau).div_(scale)
        across.sub_(grad_across, alpha=tau).div_(scale)
        torch.sub(planes, down, out=u).sub_(across)
        u[:, 1:] += down[:, :-1]
        u[:, :, 1:] += across[:, :, :-1]
    return u


def non_local_means(planes: Tensor, sigma: float, h: float) -> Tensor:
    """Every pixel the mean of those around it, weighed by how alike their patches are.

    w = exp(-max(d^2 - 2 sigma^2, 0) / h^2), d^2 the mean squared difference of 5x5 patches over
    all planes (Buades, Coll and Morel 2005), for pixels up to 6 rows and columns away. Weights
    below exp(-5) are left out: there are so many that they would blur what has no like.

    Args:
        planes: the colors of one picture, (c, h, w).
        sigma: the noise's standard deviation: patches that differ by no more count in full.
        h: how fast the weight falls beyond that.
    """
    height, width = planes.shape[1:]
    rim = _REACH + _PATCH // 2
    rims = ((0, 0), (rim + _REACH, rim + _REACH), (rim + _REACH, rim + _REACH))
    around = torch.from_numpy(np.pad(planes.numpy(), rims, "reflect"))
    inside = _moved(around, 0, 0, 2 * _REACH + _PATCH // 2)
    total, weights = inside.clone(), torch.ones_like(planes[0])
    center = _moved(around, 0, 0, _REACH)
    for row, column in _half_plane(_REACH):
        unlike = (_moved(around, row, column, _REACH) - center).square_().mean(0)
        unlike = _box_mean(unlike, _PATCH).sub_(2 * sigma**2).clamp_min_(0)
        weight = F.threshold(unlike.div_(-(h**2)).exp_(), _NEGLIGIBLE, 0)
        for sign in (1, -1):  # the same weight serves the other pixel of the pair
            at = _REACH if sign > 0 else _REACH - row, _REACH if sign > 0 else _REACH - column
            w = weight[at[0] : at[0] + height, at[1] : at[1] + width]
            total.addcmul_(_moved(around, sign * row, sign * column, 2 * _REACH + _PATCH // 2), w)
            weights += w
    return total / weights


def _half_plane(reach: int) -> Iterator[tuple[int, int]]:
    """Every move by up to `reach` rows and columns, but only one of each pair of opposites."""
    span = range(-reach, reach + 1)
    return (
        (row, column) for row, column in itertools.product(span, span) if (row, column) > (0, 0)
    )


def _moved(around: Tensor, row: int, column: int, rim: int) -> Tensor:
    """What lies within a rim of the surroundings, seen from some rows and columns away."""
    height, width = (side - 2 * rim for side in around.shape[1:])
    return around[:, rim + row : rim + row + height, rim + column : rim + column + width]


def _box_mean(plane: Tensor, size: int) -> Tensor:
    """The mean of each square of `size` by `size` pixels, as shifted sums."""
    for axis in (0, 1):
        inside = plane.shape[axis] - size + 1
        mean = plane.narrow(axis, 0, inside) / size
        for first in range(1, size):
            mean.add_(plane.narrow(axis, first, inside), alpha=1 / size)
        plane = mean
    return plane


def wavelet_shrinkage(planes: Tensor, sigma: float, shifts: int = _SHIFTS) -> Tensor:
    """Wavelet coefficients drawn towards zero, band by band, averaged over shifted grids.

    BayesShrink (Chang, Yu and Vetterli 2000): soft threshold T = sigma^2 / sigma_x with
    sigma_x^2 = max(mean c^2 - sigma^2, 0) of the band. Daubechies' orthogonal wavelet of four taps,
    four levels. The mean over shifts of the picture (cycle-spinning, Coifman and Donoho 1995)
    takes the grid's traces away.

    Args:
        planes: (n, h, w).
        sigma: the noise's standard deviation.
        shifts: by how many rows and as many columns the picture is moved.
    """
    height, width = planes.shape[1:]
    block = 2**_LEVELS
    rims = [(block, block + -side % block) for side in (height, width)]
    padded = torch.from_numpy(np.pad(planes.numpy(), ((0, 0), *rims), "symmetric"))
    moves = list(itertools.product(range(shifts), range(shifts)))
    rolled = torch.cat([padded.roll(move, (1, 2)) for move in moves])[:, None]
    clean = torch.chunk(_shrunk(rolled, sigma, _LEVELS)[:, 0], len(moves))
    back = [
        one.roll((-down, -right), (1, 2)) for one, (down, right) in zip(clean, moves, strict=True)
    ]
    return torch.stack(back).mean(0)[:, block : block + height, block : block + width]


def _shrunk(planes: Tensor, sigma: float, levels: int) -> Tensor:
    """(n, 1, h, w) without the coefficients that noise explains; h and w divide by 2^levels."""
    if levels == 0:
        return planes
    basis = _daubechies(planes)
    rim = basis.shape[-1] - 2
    bands = F.conv2d(F.pad(planes, (0, rim, 0, rim), mode="circular"), basis, stride=2)
    details = bands[:, 1:]
    signal = (details.square().mean((2, 3), keepdim=True) - sigma**2).clamp_min(0).sqrt()
    threshold = sigma**2 / signal.clamp_min(torch.finfo(signal.dtype).tiny)
    kept = (details.abs() - threshold).clamp_min(0).copysign(details)
    bands = torch.cat([_shrunk(bands[:, :1], sigma, levels - 1), kept], dim=1)
    over = F.conv_transpose2d(bands, basis, stride=2)
    over[:, :, :rim] += over[:, :, -rim:]
    over[..., :rim] += over[..., -rim:]
    return over[:, :, :-rim, :-rim]


def _daubechies(like: Tensor) -> Tensor:
    """An orthonormal basis of smooth part and three details: (4, 1, 4, 4)."""
    root = math.sqrt(3)
    smooth = torch.tensor([1 + root, 3 + root, 3 - root, 1 - root], dtype=torch.float64)
    smooth /= 4 * math.sqrt(2)
    detail = smooth.flip(0) * torch.tensor([1.0, -1, 1, -1])
    pair = torch.stack([smooth, detail])
    return torch.einsum("ay,bx->abyx", pair, pair).reshape(4, 1, 4, 4).to(like)


def _purified(denoise: Callable[[Tensor], Tensor], pixels: Pixels) -> Pixels:
    """A denoiser of planes (3, h, w) in [0, 1] as a purifier of 8-bit pictures."""
    levels = pixels.transpose(2, 0, 1).astype(np.float32)
    clean = denoise(torch.from_numpy(levels).div_(255)).mul(255).round_().clamp_(0, 255)
    return np.ascontiguousarray(clean.numpy().transpose(1, 2, 0)).astype(np.uint8)


PURIFIERS: Mapping[str, Purifier] = {
    "tv": partial(_purified, partial(tv_chambolle, weight=SIGMA)),
    "nlm": partial(_purified, partial(non_local_means, sigma=SIGMA, h=0.8 * SIGMA)),
    "wavelet": partial(_purified, partial(wavelet_shrinkage, sigma=SIGMA)),
}
"""Total variation, non-local means, and wavelet shrinkage."""
