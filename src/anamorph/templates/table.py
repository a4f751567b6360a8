"""What a file of features holds, whatever its format."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from anamorph.templates.checking import as_features, check_rows
from anamorph.templates.role import Features, Id, Mark, Records

MARK = "_shield"
"""Ends the name of what holds the marks: `features` and `features_shield`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The content of a file; features may still be on the disk."""

    where: str
    """The file, for messages."""
    column: str
    """What the features are called in it; empty where nothing has a name."""
    ids: Sequence[Id]
    """One for each row; numbers from 0 where the file names no rows."""
    features: NDArray[Any] = field(repr=False)
    """Of any float type."""
    marks: Sequence[Mark]
    rest: Any = field(default=None, repr=False)
    """Whatever else the file holds, which is kept."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one feature."""
        return self.features.shape[1:]

    def batches(self, size: int) -> Generator[Records, None, None]:
        """The rows, `size` at a time, checked.

        Raises:
            UsageError: NaN, infinity, nothing but zeros.
        """
        for start in range(0, len(self.features), size):
            rows = slice(start, start + size)
            records = Records(
                self.ids[rows], as_features(self.features[rows], self.where), self.marks[rows]
            )
            check_rows(records.ids, records.features, self.where)
            yield records


class Format(Protocol):
    """One kind of file."""

    def read(self, path: Path, column: str, id_: str) -> Table:
        """The content of a file; empty names stand for the usual ones."""
        ...

    def write(self, path: Path, table: Table, batches: Iterator[Features]) -> None:
        """Write a new file of the table's rows with other features, given in their order."""
        ...
