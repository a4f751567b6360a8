"""Old attacks as controls: what a protection must beat to be more than one of them.

    PGD, MI-FGSM      max L(s(x*), y_s)  subject to  margin(f(x*), y) >= 0,  |x* - x| <= epsilon

PGD (Madry et al. 2018) and MI-FGSM (Dong et al. 2018) push a surrogate s off its own reading y_s
while the authorized model f keeps y; f pays by its weight, which grows while its margin is small
(`Constrained`). Without a surrogate s = f: the same loss is pushed up and held, so the picture ends
where f is just still right, and whether others err there is what the control tells. Noise as a
control stands in `noise`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.methods import budget
from anamorph.methods.keeping import Keeping
from anamorph.optimize.combine import Constrained
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box, onto_linf_ball
from anamorph.optimize.starts import uniform_in_ball
from anamorph.optimize.steps import MomentumSign, Sign
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, Reader, Seeds

_GROW = 3.0
"""Of the weight of keeping; it halves again. No product of the two is 1, where a model that is
pushed off the very reading it keeps would be pushed by rounding errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """The parameters of projected gradient ascent that keeps a reading."""

    epsilon: float = budget.epsilon()
    step_size: float = budget.step_size()
    steps: int = knob(20, "Gradient steps.", symbol="N", at_least=1)
    momentum: float = budget.momentum(0.0)
    comfort: float = budget.comfort(0.5)

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
