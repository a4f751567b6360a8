"""Feature map distortion (Chai et al. 2024, arXiv:2402.09316).

    J  = L' - lambda * L_p                                 maximized over x*
    L' = MSE(f_feat(x), f_feat(x*))                        one or several layers
    L_p = CE(f_logits(x*), y)
    x* <- clip(x* + alpha * sign(dJ/dx*)),  ||x* - x||_inf <= epsilon

Where this differs from the paper:

- L' of each layer is divided by its value at the random start, and the layers are averaged, so
  lambda and the layers weigh the same whatever the scale of their activations. (The paper's
  lambda is not published.)
- The start is uniform over whole 8-bit levels. With whole steps every iterate is then exactly a
  picture that can be written, and the check in the loop is the check of the file.
- The best iterate is returned: the reading kept and the objective highest. (Which one the paper
  returns is not published.)
- Embedding models keep their direction, L_p = 1 - cos, in place of a label.
- `balance = "constrained"`, `momentum` and `smoothing` are not in the paper; the preset `paper`
  has them off.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from anamorph.losses import mse
from anamorph.methods.keeping import Keeping
from anamorph.optimize.combine import Combine, Constrained, Sum
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box, onto_linf_ball
from anamorph.optimize.starts import uniform_in_ball
from anamorph.optimize.steps import MomentumSign, Sign, Smoothed, Step
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Authorized, Images, PerSample, Seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class FMD:
    """The parameters of feature map distortion; the defaults are the preset `fast`."""

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
    utility_weight: float = knob(
        0.1, "Weight of keeping the authorized reading in the sum.", symbol="λ", at_least=0
    )
    momentum: float = knob(
        1.0,
        "Decay of the accumulated gradient; 0 steps along the plain gradient.",
        symbol="μ",
        at_least=0,
        at_most=1,
    )
    smoothing: float = knob(
        1.5,
        "Standard deviation of the gradient's 5x5 Gaussian blur, in pixels; 0 is off.",
        symbol="σ",
        at_least=0,
    )
    balance: Literal["sum", "constrained"] = knob(
        "constrained",
        "`sum` adds the terms as the paper does; `constrained` normalizes their gradients apart "
        "and weighs keeping by how little margin is left.",
        choices=("sum", "constrained"),
    )
    comfort: float = knob(
        2.0,
        "Margin below which keeping gains weight (logits, or hundredths of a cosine).",
        at_least=0,
    )
    least_cosine: float = knob(
        0.9,
        "For embedding models: the smallest cosine to the clean reading that counts as kept.",
        above=0,
        at_most=1,
    )

    def __post_init__(self) -> None:
        check(self)


PRESETS: dict[str, FMD] = {
    "fast": FMD(),
    "paper": FMD(step_size=4 / 255, steps=100, momentum=0, smoothing=0, balance="sum"),
    "strong": FMD(steps=60, comfort=4.0),
}


def more_effort(p: FMD, times: int) -> FMD:
    """The parameters for another attempt: each time twice the steps and a larger margin."""
    return replace(
        p,
        steps=p.steps * 2**times,
        comfort=p.comfort * 2**times,
        utility_weight=p.utility_weight * 4**times,
    )


class Kept(NamedTuple):
    """What belongs to each picture."""

    x: Images
    features: tuple[Tensor, ...]  # f_feat(x), one per tap
    at_start: tuple[PerSample, ...]  # L' of each tap at the random start
    target: Tensor  # y, or f(x)


def fmd(
    authorized: Authorized,
    x: Images,
    keeping: Keeping,
    seeds: Seeds,
    p: FMD,
    target: Tensor | None = None,
) -> Problem[Kept]:
    """Write the problem down for a batch of pictures of one size.

    Args:
        authorized: the model that keeps reading, with at least one tap.
        x: (n, c, h, w) pictures in [0, 1].
        keeping: what it must keep.
        seeds: one per picture.
        p: the parameters.
        target: (n,) labels to keep; without them, the model's own reading of x.
    """
    with torch.no_grad():
        output, features = authorized(x)
        start = onto_box(uniform_in_ball(x, p.epsilon, seeds), 0, 1)
        at_start = tuple(
            mse(a, b).clamp_min(torch.finfo(a.dtype).tiny)
            for a, b in zip(authorized(start).features, features, strict=True)
        )

    def objective(x_star: Tensor, kept: Kept) -> Terms:
        output, features = authorized(x_star)
        taps = zip(features, kept.features, kept.at_start, strict=True)
        distortion = torch.stack([mse(f, f_x) / d for f, f_x, d in taps]).mean(0)  # L'
        utility = keeping.loss(output, kept.target)  # L_p
        return Terms(  # J = L' - lambda * L_p
            parts={"distortion": distortion, "utility": -p.utility_weight * utility},
            slack=keeping.slack(output, kept.target),
        )

    def project(x_star: Tensor, kept: Kept) -> Tensor:
        return onto_box(onto_linf_ball(x_star, kept.x, p.epsilon), 0, 1)

    return Problem(
        sense="max",
        objective=objective,
        start=start,
        context=Kept(x, features, at_start, keeping.target(output) if target is None else target),
        step=_step(p),
        project=project,
        iterations=p.steps,
        combine=_combine(p),
    )


def _step(p: FMD) -> Step:
    step: Step = MomentumSign(p.step_size, p.momentum) if p.momentum else Sign(p.step_size)
    return Smoothed(step, p.smoothing, taps=5) if p.smoothing else step


def _combine(p: FMD) -> Combine:
    if p.balance == "sum":
        return Sum()
    return Constrained(constraint="utility", comfort=p.comfort)
