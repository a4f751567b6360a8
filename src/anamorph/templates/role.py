"""Roles: what a store of features is asked for, and what shields the features in it.

A *mark* says which shielding a stored feature carries: `keyed/1:8b21-...`, or None for a plain one.
Every row has its own mark, stored with its feature and replaced in the same step.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float32

Features: TypeAlias = Float32[np.ndarray, "n ..."]
"""One feature a row: embeddings (n, d) or feature maps (n, c, h, w)."""

Mark: TypeAlias = str | None
"""The shielding a stored feature carries; None for a plain one."""

Id: TypeAlias = object
"""What names a row: a number, a text, or whatever else the column of ids holds."""


@runtime_checkable
class Shielding(Protocol):
    """Makes shielded features of plain ones, each row on its own.

    The same features give the same result whatever else is in the batch.
    """

    @property
    def name(self) -> str:
        """The method: `keyed`, `advface`, `decoy`."""
        ...

    @property
    def version(self) -> int:
        """Of the method's computation; grows when results are not comparable any more."""
        ...

    @property
    def digest(self) -> str:
        """Of all that shapes the result: a key's fingerprint, or networks and parameters."""
        ...

    def __call__(self, features: Features, /) -> Features:
        """Shield a batch; shape and type stay."""
        ...


class Judged(NamedTuple):
    """Shielded features, and how the matcher reads them."""

    features: Features
    cosines: Float32[np.ndarray, " n"] | None
    """Of what it makes of each with what it makes of the plain feature; None: that is not known."""


@runtime_checkable
class Judging(Protocol):
    """A shielding that also says how the matcher reads what it made."""

    @property
    def least_cosine(self) -> float:
        """From where on a record counts as read as before."""
        ...

    def judged(self, features: Features, /) -> Judged:
        """Shield a batch, and look at it."""
        ...


def mark(shielding: Shielding) -> str:
    """What rows carry that a shielding made."""
    return f"{shielding.name}/{shielding.version}:{shielding.digest}"


class Records(NamedTuple):
    """Some rows of a store."""

    ids: Sequence[Id]
    features: Features
    marks: Sequence[Mark]


class Source(Protocol):
    """Features that can be read, with the names and marks of their rows."""

    @property
    def name(self) -> str:
        """What people call it; holds no password."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one feature."""
        ...

    def marks(self) -> Mapping[Mark, int]:
        """How many rows carry each mark; rows without a feature are not counted."""
        ...

    def batches(self, size: int) -> Generator[Records, None, None]:
        """All rows that have a feature, in their order.

        Raises:
            FileError, StoreFailed: they cannot be read.
            UsageError: features that cannot be compared: NaN, all zero, of several widths.
        """
        ...


class Match(NamedTuple):
    """A row and how near it is."""

    id: Id
    cosine: float


Probes: TypeAlias = Mapping[Mark, Features]
"""One probe (1, d), in the form that it is compared in with the rows of each mark."""


class Store(Source, Protocol):
    """A source that is searched, and that features are added to one by one."""

    def nearest(self, probes: Probes, count: int) -> list[Match]:
        """The rows with the largest cosines, the largest first.

        Raises:
            UsageError: the store is empty, or holds marks that no probe is for.
        """
        ...

    def find(self, ids: Sequence[Id]) -> Records:
        """The rows of these names, in this order.

        Raises:
            UsageError: a name that is not there.
        """
        ...

    def add(self, records: Records) -> None:
        """Add rows, all or none.

        Raises:
            UsageError: a name that is there already, or another width.
            StoreFailed, NotWritten: the store refuses.
        """
        ...
