"""What attackers who learn have in common: pictures to learn from, and others to be tried on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.adversaries.adaptive import Trained
from anamorph.adversaries.held_out import split
from anamorph.app.images import as_images
from anamorph.app.labels import label_of
from anamorph.errors import FileError, ModelError, UsageError
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, probe, read
from anamorph.metrics.accuracy import Share, share
from anamorph.models import Model, Preprocess, weights_digest
from anamorph.models.outputs import unwrap


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


class Case(NamedTuple):
    """An original with its protected file."""

    item: Item
    label: int | None
    """In the model's own numbers; None where nobody said, and its own clean reading is right."""
    digest: str
    """Of the original's pixels."""


class Lessons(NamedTuple):
    """Cases parted for an attacker."""

    learnable: tuple[Case, ...]
    """In the order in which they are learned from."""
    tested: tuple[Case, ...]
    skipped: tuple[str, ...]
    """Pictures that were left out, and why."""


def lessons(
    items: Sequence[Item],
    labels: Mapping[str, int] | None,
    model: Model,
    counts: Sequence[int],
    seed: int,
    held_out: float,
    limits: Limits,
) -> Lessons:
    """The cases that can be used, parted by the originals' pixels and the seed.

    Raises:
        UsageError: too few pictures, no counts, or labels that are not the model's.
        ModelError: the model has no classes.
    """
    if model.task != "classify":
        raise ModelError(
            f"{model.name}: has the task {model.task}, but only models with the task classify can "
            "learn labels"
        )
    if not counts or min(counts) < 2:
        raise UsageError(f"pictures to learn from are {list(counts)}; give numbers of at least 2")
    skipped: list[str] = []
    classes = _classes(model)
    cases = [
        case
        for item in items
        if (case := _case(item, labels, classes, limits, skipped)) is not None
    ]
    learnable, tested = split([case.digest for case in cases], seed, held_out)
    if len(learnable) < 2 or not tested:
        raise UsageError(
            f"{len(cases)} {'pairs' if labels is None else 'labeled pairs'} leave "
            f"{len(learnable)} to learn from and {len(tested)} to test on; give more pictures"
        )
    return Lessons(
        tuple(cases[i] for i in learnable), tuple(cases[i] for i in tested), tuple(skipped)
    )


def _case(
    item: Item,
    labels: Mapping[str, int] | None,
    classes: int,
    limits: Limits,
    skipped: list[str],
) -> Case | None:
    """A pair that can be used; why it cannot is added to `skipped`."""
    label = None if labels is None else label_of(item.source, labels)
    if labels is not None and label is None:
        skipped.append(f"{item.source}: has no row in the labels")
        return None
    if label is not None and not 0 <= label < classes:
        raise UsageError(
            f"{item.source}: its label is {label}, but the model knows the classes 0 to "
            f"{classes - 1}; give labels in the model's numbers"
        )
    try:
        original, result = read(item.source, limits), probe(item.output, limits)
    except FileError as error:
        skipped.append(str(error))
        return None
    if original.pixels.shape[:2] != (result.height, result.width):
        skipped.append(f"{item.output}: has another size than its original")
        return None
    return Case(item, label, original.digest)


def _classes(model: Model) -> int:
    with torch.no_grad():
        return model.output(torch.full((1, 3, 8, 8), 0.5)).shape[1]


def views(cases: Sequence[Case], model: Model, limits: Limits) -> Tensor:
    """Protected pictures as the network sees them.

    In half precision, whose rounding is a tenth of an 8-bit level: 2000 of them then fit in memory.
    """
    preprocess = Preprocess(model.input)
    seen = [preprocess(as_images(read(case.item.output, limits).pixels)).half() for case in cases]
    return torch.cat(seen)


def output(model: Model, network: nn.Module, seen: Tensor) -> Tensor:
    """What a network that learned gives for views, as the model's outputs are read."""
    said = network(seen.to(model.device))
    return unwrap(said, model.task, model.name).to(seen.device)


def with_learned(model: Model, attacker: Trained) -> Model:
    """The model with the weights that it learned."""
    digest = weights_digest(attacker.network.state_dict())
    return replace(model, network=attacker.network, folded=None, weights_digest=digest)


def readings(
    readers: Sequence[Model], cases: Sequence[Case], limits: Limits
) -> tuple[Reading, ...]:
    """How well each reader reads the pictures; the first one says what was right before.

    Where a case has no label, what the first reader reads in the original is right.
    """
    right = np.zeros((len(readers), 2, len(cases)), bool)
    for at, case in enumerate(cases):
        pair = [
            as_images(read(path, limits).pixels) for path in (case.item.source, case.item.output)
        ]
        with torch.no_grad():
            answers = np.array(
                [[int(reader.output(images).argmax(1)) for images in pair] for reader in readers]
            )
        right[:, :, at] = answers == (answers[0, 0] if case.label is None else case.label)
    was_right = right[0, 0]
    return tuple(
        Reading(
            clean=share(int(clean.sum()), len(cases)),
            protected=share(int(protected.sum()), len(cases)),
            kept=share(int((protected & was_right).sum()), int(was_right.sum())),
        )
        for clean, protected in right
    )
