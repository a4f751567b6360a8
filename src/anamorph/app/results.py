"""Puts results in their places and keeps the record of a run."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from anamorph.app.records import PictureRecord
from anamorph.errors import AnamorphError, FileError, NotWritten
from anamorph.files.manifest import Manifest, file_digest
from anamorph.files.write import write_whole

Done = Callable[[PictureRecord], None]
"""Called with each picture's record as it is ready."""


class Outcome(NamedTuple):
    """The record of a picture, with the file that belongs to it."""

    record: PictureRecord
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Puts results in their places and keeps the record."""

    manifest: Manifest
    done: Done | None
    ours: frozenset[Path] = frozenset()
    """Where an earlier run put its results, absolute: only these may be replaced."""
    records: list[PictureRecord] = field(default_factory=list)

    def settle(self, outcome: Outcome) -> None:
        """Place the file of a finished picture."""
        record = outcome.record
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
            write_whole(output, outcome.data, overwrite=ours)
            if file_digest(output) != record.output_sha256:
                raise NotWritten(f"{output}: reads back differently; check the disk")
        except FileError as error:
            self.finish(failure(Path(record.source), error))
        else:
            self.report(record)

    def finish(self, record: PictureRecord) -> None:
        """Record a picture that has no file of its own."""
        self.manifest.append(record.as_json())
        self.report(record)

    def report(self, record: PictureRecord) -> None:
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


def failure(source: Path, error: Exception) -> PictureRecord:
    """The record of a picture that an error ended."""
    reason = str(error)
    if not isinstance(error, AnamorphError):
        reason = f"{source}: {type(error).__name__}: {error}"
    return PictureRecord(source=str(source), status="failed", reason=reason)
