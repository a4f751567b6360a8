"""Puts results in their places and keeps the record of a run, whatever is recorded."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from anamorph.errors import AnamorphError, FileError, NotWritten
from anamorph.files.manifest import Manifest, file_digest
from anamorph.files.write import write_whole, writing


class Record(Protocol):
    """What is recorded of one picture."""

    @property
    def source(self) -> str:
        """Where it came from."""
        ...

    @property
    def output(self) -> str | None:
        """Where its result is to go; None if it has none."""
        ...

    @property
    def output_sha256(self) -> str | None:
        """Of the result."""
        ...

    def failed(self, error: Exception) -> Self:
        """The record of the same picture, ended by an error."""
        ...

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        ...


R = TypeVar("R", bound=Record)


class Entry(NamedTuple, Generic[R]):
    """The record of a picture, with the file that belongs to it."""

    record: R
    data: bytes = b""


@dataclass(frozen=True, kw_only=True)  # slots and generic aliases don't go together in 3.11
class Ledger(Generic[R]):
    """Puts results in their places and keeps the record."""

    manifest: Manifest
    done: Callable[[R], None] | None
    """Called with each picture's record as it is ready."""
    ours: frozenset[Path] = frozenset()
    """Where an earlier run put its results, absolute: only these may be replaced."""
    records: list[R] = field(default_factory=list)

    def settle(self, entry: Entry[R]) -> None:
        """Place the file of a finished picture."""
        record = entry.record
        if record.output is None:
            self.finish(record)
            return
        output = Path(record.output)
        ours = output.absolute() in self.ours
        # The record goes first: a file without one is never ours, so nobody else's is ever
        # overwritten, and a record without its file is simply done again.
        try:
            if not ours:
                check_free(output)
            self.manifest.append(record.as_json())
            write_whole(output, entry.data, overwrite=ours)
            if file_digest(output) != record.output_sha256:
                with writing(output):
                    output.unlink()
                raise NotWritten(f"{output}: reads back differently; check the disk")
        except FileError as error:
            self.finish(record.failed(error))
        else:
            self.report(record)

    def finish(self, record: R) -> None:
        """Record a picture that has no file of its own."""
        self.manifest.append(record.as_json())
        self.report(record)

    def report(self, record: R) -> None:
        """Tell of a picture."""
        self.records.append(record)
        if self.done is not None:
            self.done(record)


def check_free(output: Path) -> None:
    """Refuse to write where something is that no run of ours put there.

    Raises:
        NotWritten: the output exists.
    """
    if os.path.lexists(output):
        raise NotWritten(
            f"{output}: exists, and this run did not write it; remove it or choose another --out"
        )


def reason(source: str | Path, error: Exception) -> str:
    """Why a picture failed: errors of ours speak for themselves, others are named."""
    if isinstance(error, AnamorphError):
        return str(error)
    return f"{source}: {type(error).__name__}: {error}"
