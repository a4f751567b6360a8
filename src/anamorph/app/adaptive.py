"""The strongest attack there is: a model of the panel learns from protected pictures.

Whoever collects protected pictures and knows what is on them, or has the tool, can do this.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.adversaries.adaptive import Epoch, Trained, Training, fine_tune
from anamorph.adversaries.held_out import split
from anamorph.app.labels import label_of, read_labels
from anamorph.app.protecting import as_images
from anamorph.errors import FileError, ModelError, UsageError
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, probe, read
from anamorph.metrics.accuracy import Share, share
from anamorph.models import Model, Preprocess, weights_digest
from anamorph.models.outputs import unwrap
from anamorph.parameters import shown

COUNTS = (100, 500, 2000)
"""Protected pictures that an attacker is given, unless told otherwise."""

Watch: TypeAlias = Callable[[int, Epoch], None]
"""Called after every epoch with how many pictures are learned from; raise to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How well a network reads the held-out pictures."""

    clean: Share
    """Originals read right."""
    protected: Share
    """Protected pictures read right."""
    kept: Share
    """Of the pictures whose original the model read right before learning, those that are read
    right protected: lower is better protection."""


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


class _Case(NamedTuple):
    item: Item
    label: int
    digest: str


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
    training = training or Training()
    limits = limits or Limits()
    if model.task != "classify":
        raise ModelError(
            f"{model.name}: has the task {model.task}, but only models with the task classify can "
            "learn labels"
        )
    if not counts or min(counts) < 2:
        raise UsageError(f"pictures to learn from are {list(counts)}; give numbers of at least 2")
    table = read_labels(Path(labels), model.labels) if isinstance(labels, str | Path) else labels
    skipped: list[str] = []
    cases = list(_cases(items, table, _classes(model), limits, skipped))
    learnable, tested = split([case.digest for case in cases], training.seed, held_out)
    if len(learnable) < 2 or not tested:
        raise UsageError(
            f"{len(cases)} labeled pairs leave {len(learnable)} to learn from and {len(tested)} to "
            "test on; give more pictures"
        )
    views, truth = _lessons([cases[i] for i in learnable[: max(counts)]], model, limits)
    sizes = sorted({min(count, len(views)) for count in counts})
    attackers = [
        fine_tune(
            model.network,
            views[:size],
            truth[:size],
            training,
            read=partial(_output, model),
            watch=None if watch is None else partial(watch, size),
        )
        for size in sizes
    ]
    readers = [model, *(_with(model, attacker) for attacker in attackers)]
    before, *after = _readings(readers, [cases[i] for i in tested], limits)
    return Adaptation(
        model=model.name,
        weights_sha256=model.weights_digest,
        held_out=len(tested),
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
        skipped=tuple(skipped),
    )


def _cases(
    items: Sequence[Item],
    labels: Mapping[str, int],
    classes: int,
    limits: Limits,
    skipped: list[str],
) -> Iterator[_Case]:
    """The pairs that can be used; why others cannot is added to `skipped`."""
    for item in items:
        label = label_of(item.source, labels)
        if label is None:
            skipped.append(f"{item.source}: has no row in the labels")
            continue
        if not 0 <= label < classes:
            raise UsageError(
                f"{item.source}: its label is {label}, but the model knows the classes 0 to "
                f"{classes - 1}; give labels in the model's numbers"
            )
        try:
            original, result = read(item.source, limits), probe(item.output, limits)
        except FileError as error:
            skipped.append(str(error))
            continue
        if original.pixels.shape[:2] != (result.height, result.width):
            skipped.append(f"{item.output}: has another size than its original")
            continue
        yield _Case(item, label, original.digest)


def _classes(model: Model) -> int:
    with torch.no_grad():
        return model.output(torch.full((1, 3, 8, 8), 0.5)).shape[1]


def _lessons(cases: Sequence[_Case], model: Model, limits: Limits) -> tuple[Tensor, Tensor]:
    """Protected pictures as the network sees them, and their labels.

    In half precision, whose rounding is a tenth of an 8-bit level: 2000 of them then fit in memory.
    """
    preprocess = Preprocess(model.input)
    views = [preprocess(as_images(read(case.item.output, limits).pixels)).half() for case in cases]
    return torch.cat(views), torch.tensor([case.label for case in cases])


def _output(model: Model, network: nn.Module, views: Tensor) -> Tensor:
    return unwrap(network(views), model.task, model.name)


def _with(model: Model, attacker: Trained) -> Model:
    """The model with the weights that it learned."""
    digest = weights_digest(attacker.network.state_dict())
    return replace(model, network=attacker.network, folded=None, weights_digest=digest)


def _readings(
    readers: Sequence[Model], cases: Sequence[_Case], limits: Limits
) -> tuple[Reading, ...]:
    """How well each reader reads the pictures; the first one says what was right before."""
    right = np.zeros((len(readers), 2, len(cases)), bool)
    for at, case in enumerate(cases):
        pair = [
            as_images(read(path, limits).pixels) for path in (case.item.source, case.item.output)
        ]
        with torch.no_grad():
            right[:, :, at] = [
                [int(reader.output(images).argmax(1)) == case.label for images in pair]
                for reader in readers
            ]
    was_right = right[0, 0]
    return tuple(
        Reading(
            clean=share(int(clean.sum()), len(cases)),
            protected=share(int(protected.sum()), len(cases)),
            kept=share(int((protected & was_right).sum()), int(was_right.sum())),
        )
        for clean, protected in right
    )
