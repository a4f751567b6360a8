"""The parameters of feature map distortion, their presets, and what another attempt changes."""

from dataclasses import dataclass, replace
from typing import Literal

from anamorph.methods import budget
from anamorph.methods.distortion import Mean
from anamorph.methods.views import VIEWS
from anamorph.parameters import check, knob
from anamorph.types import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class FMD:
    """The parameters of feature map distortion; the defaults are the preset `fast`."""

    epsilon: float = budget.epsilon()
    step_size: float = budget.step_size(4 / 255)
    steps: int = knob(16, "Gradient steps.", symbol="N", at_least=1)
    utility_weight: float = knob(
        0.1, "Weight of keeping the authorized reading in the sum.", symbol="λ", at_least=0
    )
    momentum: float = budget.momentum(0.6)
    smoothing: float = knob(
        0.7,
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
    comfort: float = budget.comfort(4.0)
    surrogate_weight: float = knob(
        0.0,
        "Weight of the surrogates' misreading beside the distortion of their layers.",
        symbol="κ",
        at_least=0,
    )
    layer_mean: Mean = knob(
        "geometric",
        "How the distortions of layers are averaged; `geometric` lets none outweigh the others, "
        "nor a model the other models.",
        choices=("arithmetic", "geometric"),
    )
    shrink: float = knob(
        0.0,
        "Share of a step by which every change is drawn back in each step of the second half: what "
        "gains little stays as it was, and pictures stay nearer to their originals.",
        symbol="τ",
        at_least=0,
        at_most=0.95,
    )
    views: int = knob(
        len(VIEWS),
        "Views of the picture that are distorted in turn, one a step; 1 is the picture alone.",
        symbol="K",
        at_least=1,
        at_most=len(VIEWS),
    )
    resolution: float = knob(
        0.65,
        "Share of a network's resolution at which its features are distorted; 1 is its own.",
        symbol="ρ",
        above=0,
        at_most=1,
    )
    look_every: int = knob(
        2, "Steps from one look at the authorized reading to the next.", symbol="c", at_least=1
    )
    precision: Precision = knob(
        "float32",
        "Numbers of the steps; `auto` takes the faster. The last look has them in full.",
        choices=("float32", "bfloat16", "auto"),
    )
    time_budget: float = knob(
        0.0,
        "Seconds that the steps of one picture may take in one attempt; 0 is no limit. What is "
        "reached in them depends on the machine.",
        at_least=0,
    )
    least_cosine: float = budget.least_cosine(0.9)

    def __post_init__(self) -> None:
        check(self)

    @property
    def plain(self) -> bool:
        """Whether one forward pass serves both terms, as in the paper: K = rho = c = 1."""
        short = self.precision != "float32"
        return not short and self.views == self.resolution == self.look_every == 1


PRESETS: dict[str, FMD] = {
    "fast": FMD(),
    "paper": FMD(
        steps=100,
        momentum=0,
        smoothing=0,
        balance="sum",
        layer_mean="arithmetic",
        views=1,
        resolution=1,
        look_every=1,
    ),
    "strong": FMD(steps=64, resolution=0.75),
}


def more_effort(p: FMD, times: int) -> FMD:
    """The parameters for another attempt: twice the steps, a larger margin, exact looks in each."""
    return replace(
        p,
        steps=p.steps * 2**times,
        comfort=p.comfort * 2**times,
        utility_weight=p.utility_weight * 4**times,
        look_every=1 if times else p.look_every,
        precision="float32" if times else p.precision,
    )
