"""AdvFace: adversarial features (Wang et al. 2023, arXiv:2305.05391).

    J  = mean over shadows S of  w MSE(S(z'), t) - v SSIM(S(z'), t)     maximized over z'
    t  = S(z), the shadow's own clean picture, or x, the picture itself
    z' <- nearest to z' + alpha s sign(dJ/dz') in the box
    |z' - z| <= epsilon s,   low <= z' <= high                          per channel
    z'_0  uniform in the ball, or E(S(z))
    s  = the channel's standard deviation over clean features; zero where it is dead

The feature still matches, since every value moves by at most epsilon deviations; networks that
reconstruct faces from clean features fail on it. A network that learns from protected features
does not: see docs/security/shield.md.

Where this differs from the paper, as far as that is known:

- epsilon is in deviations of each channel. One number for all channels looks far better than it
  is: channels that never change are moved too, and a decoder that divides by their deviation is
  blinded by what clipping to the clean range undoes. Here they are not moved, and what is stored
  lies within the clean range.
- The paper's norm, budget, step and number of steps were not to be found. `paper` has the plain
  choice for each: squared error, one shadow with its running statistics, start at E(S(z)).
- "Batch norm adjustment" of the shadow is its owner's choice before it comes here: the statistics
  of its training (what carries over best here), those estimated anew on protected features, or
  those of each map by itself (`models.networks.decoders.with_own_statistics`). Never those of a
  batch of records: no record may depend on another.
- Several shadows, and the structural term: they carry over to decoders that took no part.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.errors import UsageError
from anamorph.losses import mse
from anamorph.methods.feature_parameters import ADVFACE as PRESETS
from anamorph.methods.feature_parameters import AdvFace
from anamorph.methods.spread import Spread, reach
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.starts import uniform
from anamorph.optimize.steps import Sign
from anamorph.optimize.terms import Terms
from anamorph.types import Images, PerSample, Seeds

__all__ = [
    "PRESETS",
    "AdvFace",
    "Encoder",
    "Shadow",
    "Stored",
    "advface",
    "structure",
    "windows",
]

_WINDOW, _STRIDE = 8, 4


class Shadow(Protocol):
    """S: reconstructs pictures from features; differentiable, each feature by itself."""

    def __call__(self, features: Tensor, /) -> Images:
        """(n, ...) to (n, 3, h, w)."""
        ...


class Encoder(Protocol):
    """E: the recognizer up to where features are stored."""

    def __call__(self, images: Images, /) -> Tensor:
        """(n, 3, h, w) to (n, ...)."""
        ...


class Windows(NamedTuple):
    """A picture and what `structure` asks of it alone."""

    picture: Images
    mean: Tensor  # of each window
    power: Tensor  # the mean of squares


class Stored(NamedTuple):
    """What belongs to each feature: the bounds of its record, and the pictures to lead away."""

    least: Tensor
    most: Tensor
    targets: tuple[Windows, ...]  # t, one per shadow


def advface(
    shadows: Sequence[Shadow],
    z: Tensor,
    spread: Spread,
    seeds: Seeds,
    p: AdvFace,
    pictures: Images | None = None,
    encoder: Encoder | None = None,
) -> Problem[Stored]:
    """Write the problem down; its solution is the record z'.

    Args:
        shadows: at least one.
        z: (n, ...) clean features.
        spread: how clean features vary.
        seeds: one per feature, for the start.
        p: the parameters.
        pictures: (n, 3, h, w) what the features are of; needed for the target `picture`.
        encoder: needed for the start `shadow`.

    Raises:
        UsageError: no shadows, or what target or start need is missing.
    """
    if not shadows:
        raise UsageError("there are no shadows to mislead; give at least one")
    if p.target == "picture" and pictures is None:
        raise UsageError("the target is the picture, but none is given; give it, or use `shadow`")
    if p.start == "shadow" and encoder is None:
        raise UsageError("the start is E(S(z)), but there is no encoder; give it, or use `uniform`")
    z = _laid_out(z)
    with torch.no_grad():
        own = tuple(shadow(z) for shadow in shadows)
    targets = own if p.target == "shadow" or pictures is None else (pictures,) * len(shadows)
    least, most = reach(z, p.epsilon, spread)
    start = onto_box(_start(z, own[0], spread, seeds, p, encoder), least, most)

    def objective(record: Tensor, stored: Stored) -> Terms:
        seen = [shadow(record) for shadow in shadows]  # S(z')
        pairs = list(zip(seen, stored.targets, strict=True))
        parts = {}
        if p.error_weight:
            parts["error"] = p.error_weight * _mean(mse(s, t.picture) for s, t in pairs)
        if p.structure_weight:
            parts["structure"] = -p.structure_weight * _mean(structure(s, t) for s, t in pairs)
        return Terms(parts=parts)

    return Problem(
        sense="max",
        objective=objective,
        start=_laid_out(start),
        context=Stored(least, most, tuple(windows(target) for target in targets)),
        step=Sign(p.step_size * spread.deviation),
        project=lambda record, stored: onto_box(record, stored.least, stored.most),
        iterations=p.steps,
    )


def structure(a: Images, b: Windows) -> PerSample:
    """SSIM over plain 8x8 windows at every fourth pixel: a sixth of the work of `metrics.image`.

    Example:
        >>> a = torch.linspace(0, 1, 768).view(1, 3, 16, 16)
        >>> round(structure(a, windows(a)).item(), 6)
        1.0
    """
    c1, c2 = 0.01**2, 0.03**2
    mean, both = _local(a), _local(a * b.picture)
    means, powers = mean * mean + b.mean * b.mean, _local(a * a) + b.power
    product = mean * b.mean
    luminance = (2 * product + c1) / (means + c1)
    return (luminance * (2 * (both - product) + c2) / (powers - means + c2)).flatten(1).mean(1)


def windows(picture: Images) -> Windows:
    """What `structure` asks of the picture that another is compared with."""
    return Windows(picture, _local(picture), _local(picture * picture))


def _local(t: Tensor) -> Tensor:
    """The mean of each window; by blocks that windows share, where there are such."""
    window = min(_WINDOW, *t.shape[-2:])
    if window < _WINDOW:
        return F.avg_pool2d(t, window, _STRIDE)
    return F.avg_pool2d(F.avg_pool2d(t, _STRIDE), _WINDOW // _STRIDE, 1)


def _laid_out(maps: Tensor) -> Tensor:
    """Channels last where they are maps, as shadows compute: laid out once, not in every step."""
    return maps.contiguous(memory_format=torch.channels_last) if maps.dim() == 4 else maps


def _start(
    z: Tensor, picture: Images, spread: Spread, seeds: Seeds, p: AdvFace, encoder: Encoder | None
) -> Tensor:
    if p.start == "uniform" or encoder is None:
        noise = uniform(tuple(z.shape[1:]), seeds).to(z)
        return torch.addcmul(z, spread.deviation, noise.mul_(2 * p.epsilon).sub_(p.epsilon))
    with torch.no_grad():
        return encoder(picture.clamp(0, 1))  # E(S(z))


def _mean(losses: Iterable[PerSample]) -> PerSample:
    return torch.stack(list(losses)).mean(0)
