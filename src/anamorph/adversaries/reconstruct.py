"""Attackers who reconstruct faces from stored features, what they try first, and what is compared.

A thief has the records and a decoder. Before decoding, the records may be cleaned: clipped to the
range of clean features, blurred, or filtered by a median. Beside every protection stands noise of
the same size: what it does not do better than noise it does not do.

Who trains a decoder on protected records needs no function of this module: to the decoder these are
features like any others.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from anamorph.losses import cosine
from anamorph.methods.inversion import Inversion, inversion
from anamorph.methods.keeping import KeepDirection
from anamorph.methods.spread import Spread
from anamorph.metrics.image import psnr, ssim
from anamorph.optimize.engine import Watch, solve
from anamorph.optimize.rows import shaped
from anamorph.optimize.starts import normal, uniform
from anamorph.optimize.steps import blur
from anamorph.types import Images, PerSample, Reader, Seeds

_BLUR = 0.7  # standard deviation, in places of the map
_MEDIAN = 3  # side of its windows


class Reconstructor(Protocol):
    """Makes pictures of features."""

    def __call__(self, features: Tensor, /) -> Images:
        """(n, ...) to (n, 3, h, w); values may leave [0, 1]."""
        ...


Cleaning: TypeAlias = Callable[[Tensor, Spread], Tensor]
"""From records, and how clean features vary, to what is decoded."""


def clipped(records: Tensor, spread: Spread) -> Tensor:
    """Within the clean range of every channel; dead channels are set to what they always are.

    Undoes changes that no clean feature has.
    """
    dead = spread.deviation == 0
    usual = torch.where(dead, spread.low, records)
    return torch.minimum(torch.maximum(usual, spread.low), spread.high)


def blurred(records: Tensor) -> Tensor:
    """Maps blurred by a narrow Gaussian, over the share of it that lies on the map."""
    inside = blur(torch.ones_like(records[:1, :1]), _BLUR, taps=5)
    return blur(records, _BLUR, taps=5) / inside


def filtered(records: Tensor) -> Tensor:
    """The median of the 3x3 places around each; the border is repeated."""
    reach = _MEDIAN // 2
    padded = F.pad(records, (reach, reach, reach, reach), mode="replicate")
    windows: Tensor = padded.unfold(2, _MEDIAN, 1).unfold(3, _MEDIAN, 1).flatten(4)
    return windows.median(4).values


CLEANINGS: Mapping[str, Cleaning] = {
    "none": lambda records, _: records,
    "clip": clipped,
    "blur": lambda records, _: blurred(records),
    "median": lambda records, _: filtered(records),
}
"""By name; the last two are for maps."""


def noise_like(change: Tensor, spread: Spread, law: str, seeds: Seeds) -> Tensor:
    """The control: noise of the same l2 norm as each change, spread as the channels deviate.

    Args:
        change: (n, ...) protected minus clean features.
        spread: how clean features vary; dead channels stay dead.
        law: one of `LAWS`.
        seeds: one per sample.

    Example:
        >>> one = torch.ones(1)
        >>> drawn = noise_like(torch.tensor([[3.0, 4.0]]), Spread(one, one, one), "sign", [0])
        >>> round(float(drawn.norm()), 4), len(drawn.abs().unique())
        (5.0, 1)
    """
    drawn = LAWS[law](tuple(change.shape[1:]), seeds).to(change) * spread.deviation
    size = drawn.flatten(1).norm(dim=1).clamp_min(torch.finfo(change.dtype).tiny)
    factor = change.flatten(1).norm(dim=1) / size
    control: Tensor = drawn * shaped(factor, change)
    return control


def _laplace(shape: tuple[int, ...], seeds: Seeds) -> Tensor:
    centered = uniform(shape, seeds) - 0.5
    return -centered.sign() * torch.log1p((-2 * centered.abs()).clamp_min(-1 + 1e-7))


def _sign(shape: tuple[int, ...], seeds: Seeds) -> Tensor:
    return (uniform(shape, seeds) >= 0.5).float() * 2 - 1


LAWS: Mapping[str, Callable[[tuple[int, ...], Seeds], Tensor]] = {
    "gaussian": normal,
    "laplace": _laplace,
    "sign": _sign,
}
"""The laws of noise that protections are compared with."""


def inverted(
    recognizer: Reader,
    embeddings: Float[Tensor, "n k"],
    size: tuple[int, int],
    parameters: Inversion | None = None,
    watch: Watch | None = None,
) -> Images:
    """Pictures that the recognizer reads as it reads the people: the attack on an embedding alone.

    Args:
        recognizer: public, with its weights.
        embeddings: stored ones, or those that its tail makes of stored maps.
        size: height and width of the guesses.
        parameters: of the inversion.
        watch: called after every step.
    """
    problem = inversion(recognizer, embeddings, KeepDirection(1.0), size, parameters or Inversion())
    return torch.stack([solved.value for solved in solve(problem, watch)])


class Likeness(NamedTuple):
    """How much a reconstruction shows, per sample."""

    ssim: PerSample
    psnr: PerSample
    identity: PerSample
    """Cosine of what a model that took no part reads in it and in the original."""


def likeness(guess: Images, originals: Images, judge: Reader) -> Likeness:
    """Compare reconstructions with what the features were of.

    An SSIM by itself says little: another person's photo has some 0.2, the mean face 0.4.

    Args:
        guess: (n, 3, h, w); clipped to [0, 1] here.
        originals: (n, 3, h, w) in [0, 1].
        judge: an embedding model that neither shielding nor attacker knows.
    """
    seen = guess.clamp(0, 1)
    with torch.no_grad():
        return Likeness(
            ssim(seen, originals),
            psnr(seen, originals),
            cosine(judge(seen), judge(originals)),
        )
