"""The problem of feature map distortion, posed for loaded models."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from anamorph.methods.fmd import Surrogate, Trusted, fmd
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.forms import Shared
from anamorph.methods.keeping import keeping_for
from anamorph.models import Model
from anamorph.models.precision import in_precision
from anamorph.optimize.problem import Problem
from anamorph.types import Glance, Images, Seeds


class Pose(Protocol):
    """Writes the problem down for a batch of pictures of one size."""

    def __call__(
        self,
        x: Images,
        seeds: Seeds,
        targets: Sequence[Tensor] = (),
        survive: Sequence[Shared] = (),
        /,
    ) -> Problem[Any]:
        """As `methods.fmd.fmd`."""
        ...


class _Parts(NamedTuple):
    """A model as the method uses it."""

    reader: Model
    """Reads whole pictures; it shows its layers only where the method asks for them there."""
    glance: Glance | None
    """Shows its layers at the resolution that is distorted."""
    on_the_way: Model
    """Reads while a picture is on its way: `reader`, or in shorter numbers."""


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
        targets: Sequence[Tensor] = (),
        survive: Sequence[Shared] = (),
        /,
    ) -> Problem[Any]:
        own, others = prepared()
        return fmd(own, x, seeds, p, targets, others, survive)

    return pose


def _trusted(model: Model, p: FMD) -> Trusted:
    parts = _parts(model, p)
    keeping = keeping_for(model.task, p.least_cosine)
    return Trusted(parts.reader, keeping, parts.glance, parts.on_the_way)


def _surrogate(model: Model, p: FMD) -> Surrogate:
    parts = _parts(model.as_surrogate(), p)
    return Surrogate(parts.on_the_way, keeping_for(model.task, p.least_cosine), parts.glance)


def _parts(model: Model, p: FMD) -> _Parts:
    if p.plain:
        return _Parts(model, None, model)
    fitting = in_precision(model, p.precision)
    return _Parts(model.with_taps(), fitting.glance(p.resolution), fitting.with_taps())
