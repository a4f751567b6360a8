"""Who reads in an audit, and how labels of one model are found in another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.types import Images, Task


class Party(Protocol):
    """A model in an audit: it reads pictures, and that is all it must do; no gradient is asked."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def task(self) -> Task:
        """What the output means."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where there are none."""
        ...

    @property
    def digest(self) -> str:
        """Of everything that decides its readings."""
        ...

    @property
    def weights_digest(self) -> str:
        """Of the weights alone."""
        ...

    def output(self, images: Images, /) -> Tensor:
        """Class logits or embeddings, one row per picture."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The right classes of the pictures, as numbers of the authorized model's."""

    of: tuple[int, ...]
    """One for every picture."""
    names: tuple[str, ...]
    """The authorized model's classes; empty where it names none."""


def outputs(party: Party) -> int:
    """How many numbers a model gives for a picture.

    Raises:
        Exception: whatever the model raises.
    """
    with torch.no_grad():
        return int(party.output(torch.full((1, 3, 8, 8), 0.5)).shape[1])


def own_numbers(party: Party, labels: Labels, classes: int) -> dict[int, int]:
    """Where a model has the classes that are used: from the authorized model's numbers to its own.

    Models that both name their classes are matched by equal names. Where one of them names none,
    they must have equally many classes, and the numbers are taken to mean the same.

    Args:
        party: a model of the panel, or the authorized one itself.
        labels: the right classes.
        classes: how many the authorized model has.

    Raises:
        UsageError: a class that is used is not among the model's.
    """
    used = sorted(set(labels.of))
    if party.labels and labels.names:
        return _by_name(party, used, labels.names)
    own = outputs(party)
    if own != classes:
        raise UsageError(
            f"{party.name}: has {own} classes and the authorized model {classes}, and not both "
            "name them; add `labels` to their cards, or leave this model out"
        )
    return {label: label for label in used}


def _by_name(party: Party, used: Iterable[int], names: tuple[str, ...]) -> dict[int, int]:
    own = {name: i for i, name in enumerate(party.labels)}
    missing = [names[label] for label in used if names[label] not in own]
    if missing:
        shown = ", ".join(map(repr, missing[:3])) + (" ..." if len(missing) > 3 else "")
        raise UsageError(
            f"{party.name}: does not know the labels {shown} of the authorized model; give a "
            "model of the same task, or leave out --labels to compare with its own clean readings"
        )
    return {label: own[names[label]] for label in used}


def surrogates_in(models: object) -> frozenset[str]:
    """The weight digests of all models that a manifest says were used while protecting.

    Example:
        >>> sorted(surrogates_in({"authorized": {"weights_sha256": "a"},
        ...                       "surrogates": [{"weights_sha256": "b"}]}))
        ['a', 'b']
    """
    if isinstance(models, Mapping):
        own = models.get("weights_sha256")
        found = [frozenset([own])] if isinstance(own, str) else []
        return frozenset().union(*found, *(surrogates_in(v) for v in models.values()))
    if isinstance(models, list | tuple):
        return frozenset().union(*(surrogates_in(v) for v in models))
    return frozenset()
