"""The parameters of AdvFace and of decoys, and their presets.

Apart from the equations (`advface`, `decoy`), so that a command line can offer them without torch:
a table that is shielded by a key needs none.
"""

from dataclasses import dataclass
from typing import Any

from anamorph.errors import ParameterError
from anamorph.parameters import check, knob


def _least_cosine() -> Any:
    return knob(
        0.9,
        "The smallest cosine to the person's embedding that counts as kept in the report; records "
        "are the same.",
        above=0,
        at_most=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvFace:
    """The parameters of adversarial features; the defaults are the preset `fast`."""

    epsilon: float = knob(
        0.6, "Largest change of a value, in deviations of its channel.", symbol="ε", above=0
    )
    step_size: float = knob(
        0.4, "Change of a value in one step, in deviations.", symbol="α", above=0
    )
    steps: int = knob(3, "Gradient steps.", symbol="N", at_least=1)
    error_weight: float = knob(5.0, "Weight of the squared error.", symbol="w", at_least=0)
    structure_weight: float = knob(1.0, "Weight of the SSIM.", symbol="v", at_least=0)
    target: str = knob(
        "shadow",
        "What reconstructions are driven away from: the shadow's own clean one, or the picture.",
        choices=("shadow", "picture"),
    )
    start: str = knob(
        "uniform",
        "Where features start: anywhere in the ball, or at the feature of the shadow's picture.",
        choices=("uniform", "shadow"),
    )

    least_cosine: float = _least_cosine()

    def __post_init__(self) -> None:
        check(self)
        if not (self.error_weight or self.structure_weight):
            raise ParameterError("both weights are 0, which leaves nothing to maximize; raise one")


ADVFACE: dict[str, AdvFace] = {
    "fast": AdvFace(),
    "paper": AdvFace(
        epsilon=0.5,
        step_size=0.05,
        steps=20,
        error_weight=1.0,
        structure_weight=0.0,
        start="shadow",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoy:
    """The parameters of decoy re-synthesis; the defaults are the preset `fast`."""

    steps: int = knob(14, "Gradient steps.", symbol="N", at_least=1)
    step_size: float = knob(
        0.3, "Adam's first step size, in deviations of the channel.", symbol="α", above=0
    )
    final_step: float = knob(
        0.2, "Adam's last step size; in between it falls by half a cosine.", at_least=0
    )
    epsilon: float = knob(
        2.0, "Largest change of a value, in deviations of its channel.", symbol="ε", above=0
    )
    choice: str = knob(
        "drawn",
        "Which decoy: one drawn by chance, or the nearest by its embedding.",
        choices=("drawn", "nearest"),
    )
    least_cosine: float = _least_cosine()

    def __post_init__(self) -> None:
        check(self)


DECOY: dict[str, Decoy] = {"fast": Decoy(), "strong": Decoy(steps=60, final_step=0.02)}
