"""AVIH: hiding behind a key network (Su et al. 2023, arXiv:2209.15304). Known to be weak.

    J  = lambda_s L_s + lambda_r L_r + lambda_v L_v       minimized over x'
    L_s = 1 - cos(f(x'), f(x)), or KL                     service consistency
    L_r = MSE(G(x'), x)                                   recovery by the key network G
    L_v = variance of all 4x4 window sums of x'           variance consistency
    x' <- clip(x' - step(dJ/dx')),   x'_0 noise           to [0, 1]
    x^  = clip(G(x'))                                     what the key reveals

Where this differs from the paper, or from its code:

- Everything is per sample: the variance of each picture and channel by itself, and each picture's
  own step. The code takes both over the batch.
- L_s of embeddings is the mean squared difference of unit vectors there: 2 (1 - cos) / 512, so the
  preset `paper` weighs 1 - cos by 2 / 512. For classifiers the code rewards the true class's logit,
  which rises at the other classes' expense and needs a label; here the whole answer is kept.
- x' is rounded to 8 bits in the objective, and the gradient skips that: the file is what counts.
- L_r is taken before clipping, which only brings nearer. The code clips first, and what is clipped
  has no gradient.
- The start is clipped before the first gradient is taken, not after.
- The best point is kept, and one that passes the check comes before one that does not. The code
  keeps the last.
- G runs without dropout and does the same each time. The code never leaves training mode, so what
  it reveals is a matter of chance.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from jaxtyping import Float
from torch import Tensor

from anamorph.losses import mse, window_variance
from anamorph.methods import budget
from anamorph.methods.keeping import Keeping
from anamorph.optimize.plateau import ShrinkingMomentum
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.starts import normal, uniform
from anamorph.optimize.steps import Adam, Step
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, Reader, Seeds

_MEAN_DECAY, _SQUARE_DECAY = 0.7, 0.8
"""Of Adam; far shorter than usual: with so few steps, old gradients mislead."""


class KeyNetwork(Protocol):
    """G: turns a hidden picture into the photo; differentiable, each picture by itself."""

    def __call__(self, hidden: Images, /) -> Images:
        """(n, 3, h, w) to (n, 3, h, w)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AVIH:
    """The parameters of hiding behind a key network; the defaults are the preset `full`."""

    steps: int = knob(100, "Gradient steps.", symbol="N", at_least=1)
    service_weight: float = knob(
        0.1, "Weight of service consistency: 1 - cosine, or nats.", symbol="λₛ", at_least=0
    )
    recovery_weight: float = knob(
        1.0, "Weight of the mean squared error of what the key reveals.", symbol="λᵣ", at_least=0
    )
    variance_weight: float = knob(
        0.0002, "Weight of the variance of window sums.", symbol="λᵥ", at_least=0
    )
    window: int = knob(4, "Side of those windows, in pixels.", at_least=1)
    start: str = knob(
        "uniform",
        "Noise that every value starts from; normal is clipped, so half of it is 0.",
        choices=("uniform", "normal"),
    )
    rule: str = knob(
        "adam",
        "Step rule: adam, or momentum on normalized gradients as published.",
        choices=("adam", "momentum"),
    )
    step_size: float = knob(
        0.2, "First step size, on values in [0, 1].", symbol="α", above=0, at_most=1
    )
    final_step: float = knob(
        0.005, "adam: the last one; in between it falls by half a cosine.", at_least=0, at_most=1
    )
    momentum: float = knob(0.3, "momentum: its decay.", symbol="μ", at_least=0, at_most=1)
    patience: int = knob(16, "momentum: rises of J after which α shrinks.", at_least=1)
    shrink: float = knob(0.85, "momentum: what α is multiplied with then.", above=0, at_most=1)
    least_cosine: float = budget.least_cosine(0.98)

    def __post_init__(self) -> None:
        check(self)


_PAPER = AVIH(
    steps=800,
    service_weight=2 / 512,
    recovery_weight=0.2,
    variance_weight=0.001,
    start="normal",
    rule="momentum",
    step_size=0.01,
)

PRESETS: dict[str, AVIH] = {
    "full": AVIH(),
    "fast": AVIH(steps=50, step_size=0.3, least_cosine=0.96),
    "paper": _PAPER,
    "paper-classifier": replace(
        _PAPER,
        recovery_weight=2.0,
        variance_weight=0.005,
        step_size=0.02,
        patience=8,
        shrink=0.8,
    ),
}
"""`paper` has the published weights for faces, `paper-classifier` those for classifiers but one:
the code drives the label's logit up, with 0.001; here all probabilities are kept, in nats, and they
weigh what directions do."""


class Wanted(NamedTuple):
    """What belongs to each picture."""

    x: Images
    target: Tensor  # f(x)


def avih(
    service: Reader,
    generator: KeyNetwork,
    x: Images,
    target: Float[Tensor, "n k"],
    keeping: Keeping,
    seeds: Seeds,
    p: AVIH,
) -> Problem[Wanted]:
    """Write the problem down; the file of a solution holds its nearest 8-bit values.

    Args:
        service: the model that keeps reading.
        generator: the key.
        x: (n, 3, h, w) photos at the service model's size.
        target: (n, k) what it says of the photos.
        keeping: how its readings are compared; see `KeepDirection` and `KeepAnswer`.
        seeds: one per photo, for the noise it starts from.
        p: the parameters.
    """

    def objective(z: Tensor, wanted: Wanted) -> Terms:
        v = (z.detach() * 255).round_().div_(255) + (z - z.detach())  # rounding without gradient
        output = service(v)
        return Terms(
            parts={
                "service": p.service_weight * keeping.loss(output, wanted.target),  # L_s
                "recovery": p.recovery_weight * mse(generator(v), wanted.x),  # L_r
                "variance": p.variance_weight * window_variance(v, p.window),  # L_v
            },
            slack=keeping.slack(output, wanted.target),
        )

    noise = uniform if p.start == "uniform" else normal
    return Problem(
        sense="min",
        objective=objective,
        start=noise(tuple(x.shape[1:]), seeds).to(x),
        context=Wanted(x, target),
        step=_step(p),
        project=lambda z, _: onto_box(z, 0, 1),
        iterations=p.steps,
    )


def _step(p: AVIH) -> Step:
    if p.rule == "adam":
        return Adam(
            step_size=p.step_size,
            final_step=p.final_step,
            steps=p.steps,
            mean_decay=_MEAN_DECAY,
            square_decay=_SQUARE_DECAY,
        )
    return ShrinkingMomentum(
        step_size=p.step_size, decay=p.momentum, patience=p.patience, shrink=p.shrink
    )
