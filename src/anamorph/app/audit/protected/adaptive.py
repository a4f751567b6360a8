"""The strongest attack there is: a model of the panel learns from protected pictures.

Whoever collects protected pictures and knows what is on them, or has the tool, can do this. Who
knows nothing of them but has the originals lets a model teach a student instead: it is to answer
for the protected picture what the model answers for its original.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from anamorph.adversaries.adaptive import Epoch, Trained, Training, distill, fine_tune
from anamorph.app.audit.protected.lessons import (
    Case,
    Lessons,
    Reading,
    lessons,
    output,
    readings,
    views,
    with_learned,
)
from anamorph.app.images import as_images
from anamorph.app.labels import read_labels
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, read
from anamorph.models import Model
from anamorph.parameters import shown

COUNTS = (100, 500, 2000)
"""Protected pictures that an attacker is given, unless told otherwise."""

Watch: TypeAlias = Callable[[int, Epoch], None]
"""Called after every epoch with how many pictures are learned from; raise to stop."""

_Learn: TypeAlias = Callable[[int], Trained]
"""An attacker who learned from so many of the pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What came of learning from some protected pictures."""

    pictures: int
    """Learned from; none of them is among those held out."""
    after: Reading
    losses: tuple[float, ...]
    """The mean of each epoch."""
    complete: bool
    """False where time ran out."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """A panel model before and after it has learned from protected pictures."""

    model: str
    weights_sha256: str
    held_out: int
    before: Reading
    learned: tuple[Learned, ...]
    """For each number of pictures, fewest first."""
    training: Mapping[str, Any]
    skipped: tuple[str, ...]
    """Pictures that were left out, and why."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def adapt(
    items: Sequence[Item],
    labels: str | Path | Mapping[str, int],
    model: Model,
    *,
    counts: Sequence[int] = COUNTS,
    training: Training | None = None,
    held_out: float = 0.5,
    limits: Limits | None = None,
    watch: Watch | None = None,
) -> Adaptation:
    """Let a model learn from protected pictures with right labels, and read others again.

    Works on the decoded files. Which pictures are held out follows from the training's seed and the
    originals' pixels. Where fewer than k are left to learn from, all of them are.

    Args:
        items: originals (`source`) with their protected files (`output`).
        labels: a CSV with the columns `file` and `label`, or a mapping; in the model's own numbers.
        model: a member of the panel; it stays as it is.
        counts: of the protected pictures to learn from, each one a training of its own.
        training: how; its time budget holds for each.
        held_out: about which share of the pictures is kept for the test.
        limits: on bytes and pixels, before anything is decoded.
        watch: called after every epoch.

    Raises:
        UsageError: too few pictures, no counts, or labels that are not the model's.
        ModelError: the model has no classes, or cannot learn.
    """
    training, limits = training or Training(), limits or Limits()
    table = read_labels(Path(labels), model.labels) if isinstance(labels, str | Path) else labels
    parted = lessons(items, table, model, counts, training.seed, held_out, limits)
    seen = views(parted.learnable[: max(counts)], model, limits)
    truth = torch.tensor([case.label for case in parted.learnable[: len(seen)]])

    def learn(size: int) -> Trained:
        return fine_tune(
            model.network,
            seen[:size],
            truth[:size],
            training,
            read=partial(output, model),
            watch=None if watch is None else partial(watch, size),
        )

    return _adaptation(model, parted, counts, len(seen), learn, training, limits)


def distilled(
    items: Sequence[Item],
    model: Model,
    *,
    labels: Mapping[str, int] | None = None,
    counts: Sequence[int] = COUNTS,
    training: Training | None = None,
    held_out: float = 0.5,
    limits: Limits | None = None,
    watch: Watch | None = None,
) -> Adaptation:
    """Let a student learn, of protected pictures, what a model answers for their originals.

    The student begins as a copy of its teacher. Nobody needs to know what is on the pictures:
    labels only judge, and without them what the teacher reads in the originals is right.

    Args:
        items: originals (`source`) with their protected files (`output`).
        model: the teacher, a member of the panel; it stays as it is.
        labels: in the model's own numbers.
        counts: of the protected pictures to learn from, each one a training of its own.
        training: how; its time budget holds for each.
        held_out: about which share of the pictures is kept for the test.
        limits: on bytes and pixels, before anything is decoded.
        watch: called after every epoch.

    Raises:
        UsageError, ModelError: as `adapt`.
    """
    training, limits = training or Training(), limits or Limits()
    parted = lessons(items, labels, model, counts, training.seed, held_out, limits)
    learned_from = parted.learnable[: max(counts)]
    seen, said = views(learned_from, model, limits), _answers(learned_from, model, limits)

    def learn(size: int) -> Trained:
        return distill(
            model.network,
            seen[:size],
            said[:size],
            training,
            read=partial(output, model),
            watch=None if watch is None else partial(watch, size),
        )

    return _adaptation(model, parted, counts, len(seen), learn, training, limits)


def _answers(cases: Sequence[Case], model: Model, limits: Limits) -> Tensor:
    """What a model answers for the originals, (n, k)."""
    with torch.no_grad():
        said = [model.output(as_images(read(case.item.source, limits).pixels)) for case in cases]
    return torch.cat(said)


def _adaptation(
    model: Model,
    parted: Lessons,
    counts: Sequence[int],
    most: int,
    learn: _Learn,
    training: Training,
    limits: Limits,
) -> Adaptation:
    """Train an attacker for each number of pictures, and let all of them read what is held out."""
    sizes = sorted({min(count, most) for count in counts})
    attackers = [learn(size) for size in sizes]
    readers = [model, *(with_learned(model, attacker) for attacker in attackers)]
    before, *after = readings(readers, parted.tested, limits)
    return Adaptation(
        model=model.name,
        weights_sha256=model.weights_digest,
        held_out=len(parted.tested),
        before=before,
        learned=tuple(
            Learned(
                pictures=size,
                after=reading,
                losses=attacker.losses,
                complete=attacker.complete,
                seconds=attacker.seconds,
            )
            for size, attacker, reading in zip(sizes, attackers, after, strict=True)
        ),
        training=shown(training),
        skipped=parted.skipped,
    )
