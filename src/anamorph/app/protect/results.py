"""The ledger of a run of `protect`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from anamorph.app.ledger import Entry, Ledger, reason
from anamorph.app.records import PictureRecord
from anamorph.app.runs import unchanged
from anamorph.files.folders import Item
from anamorph.files.manifest import file_digest

Done = Callable[[PictureRecord], None]
"""Called with each picture's record as it is ready."""

Run: TypeAlias = Ledger[PictureRecord]
"""Puts results in their places and keeps the record."""


class Outcome(Entry[PictureRecord]):
    """The record of a picture, with the file that belongs to it."""


def failure(source: Path, error: Exception) -> PictureRecord:
    """The record of a picture that an error ended."""
    return PictureRecord(source=str(source), status="failed", reason=reason(source, error))


def still_protected(item: Item, record: Mapping[str, Any]) -> bool:
    """Whether an earlier run's result is whole, and is of the source as it is now."""
    return (
        record.get("status") == "protected"
        and unchanged(item.output, record)
        and file_digest(item.source) == record.get("source_sha256")
    )
