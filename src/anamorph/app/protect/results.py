"""The ledger of a run of `protect`."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from anamorph.app.ledger import Entry, Ledger, check_free, reason
from anamorph.app.records import PictureRecord

__all__ = ["Done", "Outcome", "Run", "check_free", "failure"]

Done = Callable[[PictureRecord], None]
"""Called with each picture's record as it is ready."""

Run: TypeAlias = Ledger[PictureRecord]
"""Puts results in their places and keeps the record."""


class Outcome(Entry[PictureRecord]):
    """The record of a picture, with the file that belongs to it."""


def failure(source: Path, error: Exception) -> PictureRecord:
    """The record of a picture that an error ended."""
    return PictureRecord(source=str(source), status="failed", reason=reason(source, error))
