"""Permuted hiding: the photo's values in a secret order, changed a little for the service model.

    s   = turn(permute(c(x)))                values spread evenly by c, moved, and half of them
                                             turned over (v -> 1 - v)
    L   = L_s(f(round(x')), f(x))            minimized over x'
    x' <- the nearest to x' - alpha_t m with rms(x' - s) <= epsilon,    x'_0 = s
    m  <- mu m + (1 - mu) g / rms(g)         g = dL/dx' without its mean over each block
    x^  = c^-1(denoise(permute^-1(turn(x'))))

Where this differs from AVIH (Su et al. 2023, arXiv:2209.15304):

- The key is an order and a choice of signs for each picture, not a network. One that served several
  pictures would give itself away by correlation.
- Recovery is no term of the objective: undone, the change is white noise whose size epsilon bounds,
  which a public denoiser takes out whatever the photo. Recompression adds more of the same.
- The start is the permuted photo itself, not noise. The curve c (`methods/levels.py`), a secret of
  the picture like its order, makes the values nearly uniform, so that they tell little of it.
- No variance loss: without the block means of the gradient, light and shade stay those of the
  permuted photo.

The bound is on the sum of squares because only that survives the permutation. With a bound on every
value instead, the same agreement took twice the noise power.
"""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from anamorph.methods import budget
from anamorph.methods.denoising import denoise_dct, noise_level
from anamorph.methods.keeping import Keeping
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box, onto_rms_ball
from anamorph.optimize.steps import Normalized, Sharpened
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, PerSample, Reader

LARGEST_NOISE = 28 / 255
"""More is not ours: what another key gives is noise alone, and smoothing that would flatter it."""

_DECAY = 0.8
"""mu: a few steps of memory; more of it changed nothing in trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuted:
    """The parameters of permuted hiding; the defaults are the preset `full`."""

    flatness: float = knob(
        0.9,
        "How evenly the values are spread before they are moved: 0 leaves them as they are.",
        symbol="w",
        at_least=0,
        at_most=1,
    )
    epsilon: float = knob(
        18 / 255,
        "Largest root mean square change of the values, in 8-bit levels.",
        symbol="ε",
        above=0,
        at_most=1,
        scale=255,
    )
    steps: int = knob(100, "Gradient steps.", symbol="N", at_least=1)
    step_size: float = knob(
        8 / 255,
        "Root mean square of the first step, in 8-bit levels.",
        symbol="α",
        above=0,
        at_most=1,
        scale=255,
    )
    final_step: float = knob(
        0.5 / 255,
        "That of the last step; in between it falls by half a cosine.",
        at_least=0,
        at_most=1,
        scale=255,
    )
    block: int = knob(
        8,
        "Side of the blocks whose mean light stays that of the permuted photo, in pixels.",
        at_least=1,
    )
    least_cosine: float = budget.least_cosine(0.96)
    enough: float = budget.enough()

    def __post_init__(self) -> None:
        check(self)


PRESETS: dict[str, Permuted] = {
    "full": Permuted(),
    "fast": Permuted(steps=50, block=16, least_cosine=0.94),
}


class Shuffled(NamedTuple):
    """What belongs to each picture."""

    s: Images
    target: Tensor  # f(x)


def permuted(
    service: Reader,
    shuffled: Images,
    target: Float[Tensor, "n k"],
    keeping: Keeping,
    p: Permuted,
) -> Problem[Shuffled]:
    """Write the problem down; the file of a solution holds its nearest 8-bit values.

    Args:
        service: the model that keeps reading.
        shuffled: (n, c, h, w) spread, permuted and turned photos, 8-bit values over 255.
        target: (n, k) what it says of the photos.
        keeping: how its readings are compared; see `KeepDirection` and `KeepAnswer`.
        p: the parameters.
    """

    def objective(z: Tensor, kept: Shuffled) -> Terms:
        v = (z.detach() * 255).round_().div_(255)
        output = service(v + (z - z.detach()))  # the value of v exactly, the gradient for z
        return Terms(
            parts={"service": keeping.loss(output, kept.target)},  # L_s
            slack=keeping.slack(output, kept.target),
        )

    def project(z: Tensor, kept: Shuffled) -> Tensor:
        return onto_box(onto_rms_ball(z, kept.s, p.epsilon), 0, 1)

    return Problem(
        sense="min",
        objective=objective,
        start=shuffled,
        context=Shuffled(shuffled, target),
        step=Sharpened(
            Normalized(step_size=p.step_size, final_step=p.final_step, steps=p.steps, decay=_DECAY),
            p.block,
        ),
        project=project,
        iterations=p.steps,
        enough=lambda terms: terms.passes & (terms.total <= p.enough),
    )


def denoise(images: Images, strength: PerSample | None = None) -> Images:
    """The public decoder of pictures whose values are in order again; it knows no key.

    Args:
        images: (n, 3, h, w) with white noise.
        strength: the noise's standard deviation for each; by default what `noise_level` finds, up
            to `LARGEST_NOISE`.
    """
    if strength is None:
        strength = noise_level(images).clamp_max(LARGEST_NOISE)
    return denoise_dct(images, strength)
