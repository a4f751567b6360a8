"""The ways to change pictures that are compared: presets of a method, old attacks, noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from anamorph.app.protect.posing import posing
from anamorph.app.protect.surviving import shared, survival
from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.methods import controls
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.methods.keeping import Keeping, keeping_for
from anamorph.methods.noise import at_rest, gaussian_noise, null_space_noise, sign_noise
from anamorph.models import Model
from anamorph.models.first_layer import first_layer
from anamorph.optimize.problem import Problem
from anamorph.parameters import shown
from anamorph.types import Images, Seeds

LIKE = "fmd fast"
"""The way whose pictures give their size to noise that has none of its own."""

MISREADING = 30.0
"""The weight of the surrogates' misreading in the way that has it, as in the demo."""

Posed: TypeAlias = Callable[[Images, Seeds, Images], Problem[Any]]
"""The problem of some pictures with their seeds, and with the pictures they are to be like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who is there while pictures are changed."""

    authorized: Model
    surrogates: Sequence[Model]

    @property
    def keeping(self) -> Keeping:
        """What the authorized model is to keep."""
        return keeping_for(self.authorized.task, LEAST_COSINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to change pictures."""

    name: str
    meaning: str
    """In one line, for people."""
    parameters: Mapping[str, Any]
    """On the scale that users type."""
    posed: Posed
    like: bool = False
    """Whether it needs what `LIKE` made of the same picture."""


def ways(parties: Parties, epsilon: float, steps: int) -> tuple[Way, ...]:
    """All of them, with one budget and one number of steps; `LIKE` comes first.

    Args:
        parties: who is there.
        epsilon: the largest change of a value, in [0, 1].
        steps: gradient steps of those that take any.
    """
    presets = {
        name: replace(preset, epsilon=epsilon, steps=steps) for name, preset in PRESETS.items()
    }
    if parties.surrogates:
        presets["fast, misreading"] = replace(presets["fast"], surrogate_weight=MISREADING)
    attacks = {n: replace(p, epsilon=epsilon, steps=steps) for n, p in controls.PRESETS.items()}
    return (
        *(_distorting(parties, name, p) for name, p in presets.items()),
        *(_pushing(parties, name, p) for name, p in attacks.items()),
        *_noises(parties, epsilon),
    )


def _distorting(parties: Parties, name: str, p: FMD) -> Way:
    pose = posing([parties.authorized], parties.surrogates, replace(p, least_cosine=LEAST_COSINE))

    forms = tuple(map(shared, survival(None, p).forms))  # as `protect` does

    def posed(x: Images, seeds: Seeds, _: Images) -> Problem[Any]:
        return pose(x, seeds, (), forms)

    return Way(
        name=f"fmd {name}",
        meaning=f"feature map distortion, preset {name}",
        parameters=shown(p),
        posed=posed,
    )


def _pushing(parties: Parties, name: str, p: controls.PGD) -> Way:
    others = tuple(
        controls.Misled(s.output, keeping_for(s.task, LEAST_COSINE)) for s in parties.surrogates
    )

    def posed(x: Images, seeds: Seeds, _: Images) -> Problem[Any]:
        own = parties.authorized.output
        return controls.pgd_keeping(own, x, parties.keeping, seeds, p, None, others)

    pushed = "surrogates" if others else "the authorized model itself"
    return Way(
        name=name,
        meaning=f"{name.upper()} that pushes {pushed} off the reading while it is kept",
        parameters=shown(p),
        posed=posed,
    )


def _noises(parties: Parties, epsilon: float) -> tuple[Way, ...]:
    def resting(made: Callable[[Images, Seeds, Images], Images]) -> Posed:
        def posed(x: Images, seeds: Seeds, like: Images) -> Problem[Any]:
            own = parties.authorized.output
            target = parties.keeping.target(own(x))
            return at_rest(made(x, seeds, like), own, parties.keeping, target)

        return posed

    first = first_layer(parties.authorized)
    size = {"like": LIKE}
    return (
        Way(
            name="null-space noise",
            meaning=f"noise that the first layer hardly sees, as strong as {LIKE}",
            parameters=size,
            posed=resting(lambda x, seeds, like: null_space_noise(x, like, first, seeds)),
            like=True,
        ),
        Way(
            name="sign noise",
            meaning="every value moved by epsilon, up or down",
            parameters={"epsilon": round(255 * epsilon, 9)},
            posed=resting(lambda x, seeds, _: sign_noise(x, epsilon, seeds)),
        ),
        Way(
            name="gaussian noise",
            meaning=f"normal noise, as strong as {LIKE}",
            parameters=size,
            posed=resting(lambda x, seeds, like: gaussian_noise(x, like, seeds)),
            like=True,
        ),
    )
