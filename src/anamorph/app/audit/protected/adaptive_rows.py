"""Attackers who learn from protected pictures, as rows of an audit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anamorph.adversaries.adaptive import Epoch, Training
from anamorph.adversaries.detector import judged, residual_statistics
from anamorph.app.audit.loading import Cases
from anamorph.app.audit.protected.adaptive import Adaptation, adapt, distilled
from anamorph.auditing.figures import AdaptiveFigures, DetectionFigures, Way
from anamorph.auditing.protocol import Readings
from anamorph.auditing.views import rgb8
from anamorph.errors import ModelError, UsageError
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, read
from anamorph.metrics.accuracy import share
from anamorph.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Learners:
    """Which attackers learn, and how."""

    adaptive: tuple[int, ...]
    """Protected pictures to learn from with right labels, each one a training of its own."""
    distill: tuple[int, ...]
    """The same with the answers for the originals."""
    detect: bool
    training: Training

    def work(self, pictures: int) -> int:
        """How often `watch` is told of progress: by epochs, and by pictures for the detector."""
        trainings = len(set(self.adaptive)) + len(set(self.distill))
        return trainings * self.training.work + (pictures if self.detect else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerFigures:
    """What came of them."""

    adaptive: tuple[AdaptiveFigures, ...] = ()
    detection: DetectionFigures | None = None
    notes: tuple[str, ...] = ()
    """Why something is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pupil:
    """A model that is to learn, and what it may learn from."""

    model: Model
    labels: Mapping[str, int] | None
    """The right classes, by path; None where nobody gave any."""
    items: Sequence[Item]
    limits: Limits


@dataclass(slots=True, kw_only=True)
class _Progress:
    """Tells of as much as was promised, also where less was to do."""

    watch: Callable[[int], None] | None
    left: int

    def step(self, much: int = 1) -> None:
        much = min(much, self.left)
        self.left -= much
        if self.watch is not None and much:
            self.watch(much)


def learner_figures(
    asked: Learners,
    panel: Sequence[Readings],
    surrogates: frozenset[str],
    found: Cases,
    limits: Limits,
    watch: Callable[[int], None] | None = None,
) -> LearnerFigures:
    """Let the first unseen classifier of the panel learn, and read what it did not learn from.

    Args:
        asked: who learns what.
        panel: its readings.
        surrogates: weight digests of the models that were used while protecting.
        found: the pictures that were audited.
        limits: on bytes and pixels.
        watch: called as `Learners.work` says; raise to stop.
    """
    progress = _Progress(watch=watch, left=asked.work(len(found.looks)))
    rows: list[AdaptiveFigures] = []
    notes: list[str] = []
    ways: tuple[tuple[Way, tuple[int, ...]], ...] = (
        ("labels", asked.adaptive),
        ("distilled", asked.distill),
    )
    for way, counts in ways:
        if counts:
            try:
                pupil = _pupil(panel, surrogates, found, limits)
                rows += _learned(way, counts, asked.training, pupil, progress)
            except (UsageError, ModelError) as error:
                notes.append(f"no attacker could learn: {error}")
    detection = None
    if asked.detect:
        try:
            detection = _detection(_items(found), asked.training.seed, limits, progress)
        except UsageError as error:
            notes.append(f"no detector could learn: {error}")
    progress.step(progress.left)
    return LearnerFigures(
        adaptive=tuple(rows), detection=detection, notes=tuple(dict.fromkeys(notes))
    )


def _pupil(
    panel: Sequence[Readings], surrogates: frozenset[str], found: Cases, limits: Limits
) -> _Pupil:
    """The first of the panel that can be trained and was not used while protecting.

    Raises:
        ModelError: there is none.
    """
    for one in panel:
        model = one.party
        if (
            isinstance(model, Model)
            and model.task == "classify"
            and model.weights_digest not in surrogates
            and not one.errors
        ):
            return _Pupil(
                model=model,
                labels=None if one.wanted is None else _labels(one.wanted, found),
                items=_items(found),
                limits=limits,
            )
    raise ModelError("the panel has no unseen classifier that can be trained")


def _labels(wanted: NDArray[np.int64], found: Cases) -> dict[str, int]:
    """The right classes in the model's own numbers, by path."""
    return {
        found.cases[i].item.source.absolute().as_posix().lstrip("/"): int(wanted[i])
        for i in found.looks
    }


def _items(found: Cases) -> list[Item]:
    """The pictures that were audited."""
    return [found.cases[i].item for i in sorted(found.looks)]


def _learned(
    way: Way, counts: Sequence[int], training: Training, pupil: _Pupil, progress: _Progress
) -> list[AdaptiveFigures]:
    def watch(_pictures: int, _epoch: Epoch) -> None:
        progress.step()

    if way == "distilled":
        adaptation = distilled(
            pupil.items,
            pupil.model,
            labels=pupil.labels,
            counts=counts,
            training=training,
            limits=pupil.limits,
            watch=watch,
        )
    else:
        adaptation = adapt(
            pupil.items,
            pupil.labels or {},
            pupil.model,
            counts=counts,
            training=training,
            limits=pupil.limits,
            watch=watch,
        )
    return _rows(way, adaptation)


def _rows(way: Way, adaptation: Adaptation) -> list[AdaptiveFigures]:
    return [
        AdaptiveFigures(
            way=way,
            model=adaptation.model,
            pictures=learned.pictures,
            held_out=adaptation.held_out,
            before=adaptation.before.kept,
            after=learned.after.kept,
            clean_before=adaptation.before.clean,
            clean_after=learned.after.clean,
            complete=learned.complete,
        )
        for learned in adaptation.learned
    ]


def _detection(
    items: Sequence[Item], seed: int, limits: Limits, progress: _Progress
) -> DetectionFigures:
    """One picture is held at a time; what remains of it are a few hundred numbers."""
    clean, protected, digests = [], [], []
    for item in items:
        original, made = read(item.source, limits), read(item.output, limits)
        clean.append(residual_statistics(rgb8(original.pixels)))
        protected.append(residual_statistics(rgb8(made.pixels)))
        digests.append(original.digest)
        progress.step()
    result = judged(clean, protected, digests, seed=seed)
    held_out = result.accuracy.n
    return DetectionFigures(
        accuracy=result.accuracy,
        auc=share(result.auc * (held_out // 2), held_out // 2),
        learned_from=result.learned_from,
        held_out=held_out,
    )
