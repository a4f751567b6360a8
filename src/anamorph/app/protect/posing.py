"""The problem of feature map distortion, posed for loaded models."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from anamorph.methods.fmd import Surrogate, Trusted, Wanted, fmd
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.forms import Shared
from anamorph.methods.keeping import keeping_for
from anamorph.models import Model
from anamorph.models.precision import in_precision
from anamorph.optimize.problem import Problem
from anamorph.types import Images, Seeds


class Pose(Protocol):
    """Writes the problem down for a batch of pictures of one size."""

    def __call__(
        self,
        x: Images,
        seeds: Seeds,
        wanted: Sequence[Wanted] = (),
        survive: Sequence[Shared] = (),
        /,
    ) -> Problem[Any]:
        """As `methods.fmd.fmd`."""
        ...


def posing(authorized: Sequence[Model], surrogates: Sequence[Model], p: FMD) -> Pose:
    """For authorized models, at least one, and some public ones.

    What can be prepared is prepared once, when the first problem is posed: a model that crashes
    then fails those pictures, as it would in a step.
    """

    @cache
    def prepared() -> tuple[tuple[Trusted, ...], tuple[Surrogate, ...]]:
        return (
            tuple(_trusted(one, p) for one in authorized),
            tuple(_surrogate(one, p) for one in surrogates),
        )

    def pose(
        x: Images,
        seeds: Seeds,
        wanted: Sequence[Wanted] = (),
        survive: Sequence[Shared] = (),
        /,
    ) -> Problem[Any]:
        own, others = prepared()
        return fmd(own, x, seeds, p, wanted, others, survive)

    return pose


def _trusted(model: Model, p: FMD) -> Trusted:
    keeping = keeping_for(model.task, p.least_cosine)
    if p.plain:
        return Trusted(model, keeping)
    fitting = in_precision(model, p.precision)
    return Trusted(model.with_taps(), keeping, fitting.glance(p.resolution), fitting.with_taps())


def _surrogate(model: Model, p: FMD) -> Surrogate:
    one = _trusted(model.as_surrogate(), p)
    return Surrogate(one.on_the_way or one.model, one.keeping, one.glance)
