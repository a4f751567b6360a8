"""Sealed hiding: the low bits carry ciphertext, the high bits are optimized for the service model.

    v  = 2^b u + c                              8-bit values: b low bits c, the rest u
    u  = the one that brings v nearest to z     rounded in the objective, skipped by the gradient
    L  = L_s(f(v), f(x))                        minimized over z
    z <- clip(z - Adam(dL/dv)),  z_0 noise      dL/dv without its mean over each block

Where this differs from AVIH (Su et al. 2023, arXiv:2209.15304):

- No key network: what the key reveals is decrypted, bit for bit, so no loss of recovery competes
  with hiding.
- The start is noise, and to those without the key the low bits are noise too, neither of which
  depends on the photo; the objective knows f(x) alone. So a picture tells of its photo what f(x)
  and the length of the ciphertext tell: whoever has these can make pictures just like it. Seeds
  derived from the photo would break this.
- Adam in place of momentum on normalized gradients, and no variance loss: without the block means
  of the gradient, light and shade stay those of the noise.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from anamorph.methods import budget
from anamorph.methods.keeping import Keeping
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.starts import uniform
from anamorph.optimize.steps import Adam, Sharpened
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, Reader, Seeds

MOST_BITS = 4
"""Low bits that may carry ciphertext: with fewer than 16 levels left, the service model fails."""

_MEAN_DECAY, _SQUARE_DECAY = 0.7, 0.8
"""Far shorter than usual: with so few steps, old gradients mislead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The parameters of sealed hiding; the defaults are the preset `full`."""

    steps: int = knob(90, "Gradient steps.", symbol="N", at_least=1)
    step_size: float = knob(
        0.1, "Adam's first step size, on values in [0, 1].", symbol="α", above=0, at_most=1
    )
    final_step: float = knob(
        0.005, "Adam's last step size; in between it falls by half a cosine.", at_least=0, at_most=1
    )
    block: int = knob(
        8, "Side of the blocks whose mean light stays that of the noise, in pixels.", at_least=1
    )
    least_cosine: float = budget.least_cosine(0.98)
    enough: float = budget.enough()

    def __post_init__(self) -> None:
        check(self)


PRESETS: dict[str, Sealed] = {
    "full": Sealed(),
    "fast": Sealed(steps=50, block=16, least_cosine=0.96),
}


class Carried(NamedTuple):
    """What belongs to each picture."""

    target: Tensor  # f(x)
    low: UInt8[Tensor, "n 3 h w"]  # c


def sealed(
    service: Reader,
    target: Float[Tensor, "n k"],
    keeping: Keeping,
    low: UInt8[Tensor, "n 3 h w"],
    bits: int,
    seeds: Seeds,
    p: Sealed,
) -> Problem[Carried]:
    """Write the problem down; the file of a solution z is `assemble(z, low, bits)`.

    Args:
        service: the model that keeps reading.
        target: (n, k) what it says of the photos.
        keeping: how its readings are compared; see `KeepDirection` and `KeepAnswer`.
        low: (n, 3, h, w) values below 2^bits that look random without the key.
        bits: 1 to 4.
        seeds: one per picture, drawn apart from the photo.
        p: the parameters.
    """

    def objective(z: Tensor, carried: Carried) -> Terms:
        v = assemble(z, carried.low, bits).to(z).div_(255)
        output = service(v + (z - z.detach()))  # the value of v exactly, the gradient for z
        return Terms(
            parts={"service": keeping.loss(output, carried.target)},  # L_s
            slack=keeping.slack(output, carried.target),
        )

    return Problem(
        sense="min",
        objective=objective,
        start=uniform(tuple(low.shape[1:]), seeds).to(target),
        context=Carried(target, low),
        step=Sharpened(
            Adam(
                step_size=p.step_size,
                final_step=p.final_step,
                steps=p.steps,
                mean_decay=_MEAN_DECAY,
                square_decay=_SQUARE_DECAY,
            ),
            p.block,
        ),
        project=lambda z, _: onto_box(z, 0, 1),
        iterations=p.steps,
        enough=lambda terms: terms.passes & (terms.total <= p.enough),
    )


def assemble(z: Images, low: UInt8[Tensor, "n 3 h w"], bits: int) -> UInt8[Tensor, "n 3 h w"]:
    """The 8-bit values with these low bits that are nearest to 255 z.

    Example:
        >>> z, low = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([3, 3, 0], dtype=torch.uint8)
        >>> assemble(z.expand(1, 3, 1, 3), low.expand(1, 3, 1, 3), bits=2)[0, 0].tolist()
        [[3, 127, 252]]
    """
    place = 1 << bits
    high = ((z * 255 - low) / place).round_().clamp_(0, 255 >> bits)  # u
    return high.mul_(place).add_(low).to(torch.uint8)
