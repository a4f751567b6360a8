"""Puts results in their places and keeps the record of a run."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
    records: list[PictureRecord] = field(default_factory=list)

    def settle(self, outcome: Outcome) -> None:
        """Place the file of a finished picture."""
        record = outcome.record
        if record.output is None:
            self.finish(record)
            return
        # The record goes first: a file without one is never ours, so resuming cannot overwrite
        # anything, and a record without its file is simply done again.
        self.manifest.append(record.as_json())
        output = Path(record.output)
        try:
            write_whole(output, outcome.data)
            if file_digest(output) != record.output_sha256:
                raise NotWritten(f"{output}: reads back differently; check the disk")
        except FileError as error:
            self.finish(replace(record, status="failed", reason=str(error), output=None))
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


def failure(source: Path, error: Exception) -> PictureRecord:
    """The record of a picture that an error ended."""
    reason = str(error)
    if not isinstance(error, AnamorphError):
        reason = f"{source}: {type(error).__name__}: {error}"
    return PictureRecord(source=str(source), status="failed", reason=reason)
