"""Feature inversion: a picture that a model reads as it reads a hidden one.

    L   = L_s(f(z), t) + lambda TV(z)        minimized over z in [0, 1];  t = f(hidden) or f(x)
    TV  = mean |z_(i+1,j) - z_ij| + mean |z_(i,j+1) - z_ij|
    z  <- z - Adam(blur(dL/dz)),  z_0 = grey

What an attacker gets who has the model and no key (Mahendran and Vedaldi 2015; the blurred gradient
as in Yosinski et al. 2015). It measures what f tells: from a hidden picture no more should come
than from f(x) itself.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from anamorph.methods.keeping import Keeping
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.steps import Adam, Smoothed
from anamorph.optimize.terms import Terms
from anamorph.parameters import check, knob
from anamorph.types import Images, PerSample, Reader

_MEAN_DECAY, _SQUARE_DECAY = 0.9, 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Inversion:
    """The parameters of feature inversion."""

    steps: int = knob(200, "Gradient steps.", symbol="N", at_least=1)
    step_size: float = knob(
        0.05, "Adam's first step size, on values in [0, 1].", symbol="α", above=0, at_most=1
    )
    final_step: float = knob(
        0.005, "Adam's last step size; in between it falls by half a cosine.", at_least=0, at_most=1
    )
    smoothness: float = knob(0.5, "Weight of the total variation.", symbol="λ", at_least=0)
    blur: float = knob(
        1.5, "Standard deviation of the gradient's blur, in pixels.", symbol="σ", above=0
    )

    def __post_init__(self) -> None:
        check(self)


def inversion(
    service: Reader,
    target: Float[Tensor, "n k"],
    keeping: Keeping,
    size: tuple[int, int],
    p: Inversion,
) -> Problem[Tensor]:
    """Write the problem down; a solution is a guess at what the service model saw.

    Args:
        service: the model whose readings the attacker has.
        target: (n, k) the readings.
        keeping: how readings are compared; see `KeepDirection` and `KeepAnswer`.
        size: height and width of the guesses.
        p: the parameters.
    """

    def objective(z: Tensor, t: Tensor) -> Terms:
        return Terms(
            parts={
                "service": keeping.loss(service(z), t),  # L_s
                "smoothness": p.smoothness * total_variation(z),  # lambda TV
            }
        )

    return Problem(
        sense="min",
        objective=objective,
        start=target.new_full((len(target), 3, *size), 0.5),
        context=target,
        step=Smoothed(
            Adam(
                step_size=p.step_size,
                final_step=p.final_step,
                steps=p.steps,
                mean_decay=_MEAN_DECAY,
                square_decay=_SQUARE_DECAY,
            ),
            sigma=p.blur,
            taps=2 * round(2 * p.blur) + 1,
        ),
        project=lambda z, _: onto_box(z, 0, 1),
        iterations=p.steps,
    )


def total_variation(images: Images) -> PerSample:
    """Mean size of the differences between neighbors, down and across.

    Example:
        >>> import torch
        >>> stripes = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).view(1, 1, 2, 2)
        >>> total_variation(stripes).item()
        1.0
    """
    down = (images[..., 1:, :] - images[..., :-1, :]).abs()
    across = (images[..., 1:] - images[..., :-1]).abs()
    return down.flatten(1).mean(1) + across.flatten(1).mean(1)
