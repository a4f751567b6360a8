"""What runs in batches: the library's own jobs of protecting and hiding, for items of the queue."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from anamorph.app.hide.hide import WEAKNESSES, chosen_parameters, construction_for, harder
from anamorph.app.hide.hiding import Hiding
from anamorph.app.hide.hiding import Task as HideTask
from anamorph.app.protect.parties import check_models
from anamorph.app.protect.posing import posing
from anamorph.app.protect.protecting import Protecting, Writing
from anamorph.app.protect.protecting import Task as ProtectTask
from anamorph.app.protect.surviving import survival
from anamorph.batch.job import Job
from anamorph.errors import UsageError
from anamorph.files.folders import Item as Place
from anamorph.files.photo import probe
from anamorph.keys.key import Key
from anamorph.methods.fmd_parameters import PRESETS, more_effort
from anamorph.methods.keeping import KeepAnswer, KeepDirection
from anamorph.models import Model
from anamorph.service.queue import Item
from anamorph.service.requests import Hide, Protect, stored
from anamorph.service.worker.roster import Roster

ATTEMPTS = 3
"""How often a picture is tried, each time with more effort, before it fails."""

Batched: TypeAlias = Job[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The job that items of one request run in."""

    job: Batched
    digest: str
    """Of request and key."""
    steps: int

    def lane(self, item: Item, task: Any) -> str:
        """Where an item waits: only with those that it can share a batch with."""
        return lane(self.digest, item.attempt, self.job.group(task))


def lane(digest: str, attempt: int, group: Hashable) -> str:
    """The lane of a request, an effort and a size."""
    return f"{digest}:{attempt}:{group}"


def batch_for(item: Item, roster: Roster) -> Batch:
    """The job that an item runs in, with the effort of its attempt.

    Raises:
        UsageError: the model cannot do this, or was removed.
        BadKey: the key is not for this, or was forgotten.
    """
    form = stored(item.verb, item.request)
    if isinstance(form, Protect):
        return _protecting(form, item.attempt, roster)
    if isinstance(form, Hide):
        key = roster.key(item, form.stored_key)
        if key is None:
            raise UsageError("hiding needs a key; send one, or name one of the service")
        return _hiding(form, key, item.attempt, roster)
    raise UsageError(f"{item.verb} does not run in batches")


def task_of(item: Item, batch: Batch, roster: Roster) -> Any:
    """An item as the task of its job; its header is read, and no more.

    Raises:
        FileError: it is no picture, or too large.
    """
    (source,) = roster.sources(item)
    header = probe(source, roster.bounds.limits)
    if isinstance(batch.job, Hiding):
        name = PurePosixPath(item.name).name or "picture"
        place = Place(source=source, output=batch.job.out / "hidden.png")
        fit = batch.job.construction.fit(name, source.stat().st_size)
        return HideTask(place, name, fit)
    return ProtectTask(Place(source=source, output=Path("protected.png")), header, None)


def _protecting(form: Protect, attempt: int, roster: Roster) -> Batch:
    first = PRESETS[form.preset]
    if form.epsilon is not None:
        first = replace(first, epsilon=form.epsilon / 255)
    parameters = more_effort(first, attempt)
    models = [_tapped(name, roster) for name in (form.model, *form.also_authorized)]
    others = [_tapped(name, roster) for name in form.surrogates]
    check_models(models, others)
    job = Protecting(
        authorized=models,
        parameters=parameters,
        pose=posing(models, others, parameters),
        seed=form.seed,
        writing=Writing(format=form.format, quality=form.quality, metadata=form.metadata),
        limits=roster.bounds.limits,
        attempt=attempt,
        last=attempt == ATTEMPTS - 1,
        survival=survival(form.survive or None, parameters),
    )
    return Batch(job=job, digest=form.digest(""), steps=parameters.steps)


def _hiding(form: Hide, key: Key, attempt: int, roster: Roster) -> Batch:
    model = roster.model(form.model)
    parameters = harder(chosen_parameters(key, form.preset), attempt)
    limits = roster.bounds.limits
    embeds = model.task == "embed"
    job = Hiding(
        service=model,
        keeping=KeepDirection(parameters.least_cosine) if embeds else KeepAnswer(),
        construction=construction_for(key, model, parameters, limits),
        key=key,
        limits=limits,
        out=roster.folder,
        attempt=attempt,
        last=attempt == ATTEMPTS - 1,
        shows=key.kind in WEAKNESSES,
    )
    return Batch(job=job, digest=form.digest(key.fingerprint), steps=parameters.steps)


def _tapped(name: str, roster: Roster) -> Model:
    model = roster.model(name)
    if model.task == "detect" or not model.taps:
        raise UsageError(f"{name}: cannot protect, as it has no layer to tap; choose another model")
    return replace(model, card=replace(model.card, name=name))  # answers use the service's names
