"""Sealed hiding: the low bits carry ciphertext, the high bits are optimized for the service model.

    v  = (u << b) | c                      the file: 8-bit values of low bits c, high bits u
    L  = L_s(f(v), f(x))                   minimized over u
    u  <- nearest to z; z <- Adam(dL/dv)   straight-through: the gradient skips the rounding

Where this differs from AVIH (Su et al. 2023, arXiv:2209.15304):

- No key network: what the key reveals is decrypted, bit for bit, so no loss of recovery competes
  with hiding.
- The start is noise that does not depend on the photo, and neither do the low bits without the
  key. The objective knows f(x) alone. So the file depends on the photo through f(x) and the length
  of the ciphertext only: whoever knows these two can make files just like it without the photo.
  For this the seeds must not be derived from the photo either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from anamorph.methods.keeping import Keeping
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.starts import uniform
from anamorph.optimize.steps import Adam
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, PerSampleBool, Reader, Seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The parameters of sealed hiding; the defaults are the preset `full`."""

    steps: int = knob(100, "Gradient steps.", symbol="N", at_least=1)
    step_size: float = knob(0.1, "Adam's first step, on values in [0, 1].", symbol="α", above=0)
    final_step: float = knob(0.005, "Adam's last step; it falls by half a cosine.", at_least=0)
    least_cosine: float = knob(
        0.98,
        "For embedding models: the smallest cosine to the clean reading that counts as kept.",
        above=0,
        at_most=1,
    )
    enough: float = knob(
        0.0,
        "Service loss at which a picture is done early: 1 - cosine, or nats; 0 runs all steps.",
        at_least=0,
    )

    def __post_init__(self) -> None:
        check(self)


PRESETS: dict[str, Sealed] = {"full": Sealed(), "fast": Sealed(steps=50)}


class Hidden(NamedTuple):
    """What belongs to each picture."""

    target: Tensor
    low: UInt8[Tensor, "n 3 h w"]  # c


def sealed(
    service: Reader,
    target: Tensor,
    keeping: Keeping,
    low: UInt8[Tensor, "n 3 h w"],
    bits: int,
    seeds: Seeds,
    p: Sealed,
) -> Problem[Hidden]:
    def objective(z: Tensor, hidden: Hidden) -> Terms:
        v = assemble(z, hidden.low, bits).to(z) / 255
        output = service(v + (z - z.detach()))
        return Terms(
            parts={"service": keeping.loss(output, hidden.target)},
            slack=keeping.slack(output, hidden.target),
        )

    def enough(terms: Terms) -> PerSampleBool:
        return terms.passes & (terms.total <= p.enough)

    return Problem(
        sense="min",
        objective=objective,
        start=uniform(tuple(low.shape[1:]), seeds),
        context=Hidden(target, low),
        step=Adam(step_size=p.step_size, final_step=p.final_step, steps=p.steps),
        project=lambda z, _: onto_box(z, 0, 1),
        iterations=p.steps,
        enough=enough if p.enough else None,
    )


def assemble(z: Images, low: UInt8[Tensor, "n 3 h w"], bits: int) -> UInt8[Tensor, "n 3 h w"]:
    place = 1 << bits
    u = ((z * 255 - low) / place).round().clamp(0, 255 >> bits)
    return (u * place + low).to(torch.uint8)
