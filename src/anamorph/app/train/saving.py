"""A training that is saved on the way, so that it can go on where it was stopped."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from anamorph.errors import FileError, NotWritten, UsageError

SAVED_EVERY = 50
"""Updates between two savings."""


class Trained(Protocol):
    """How far a training is."""

    @property
    def done(self) -> int:
        """Updates so far."""
        ...


T = TypeVar("T", bound=Trained)


def beside(out: Path, *, resume: bool) -> Path:
    """Where the training of the file `out` is saved until it is done.

    Raises:
        NotWritten: `out` exists, or has no folder.
        UsageError: a training was started here, and is not to be resumed.
    """
    if os.path.lexists(out):
        raise NotWritten(f"{out}: exists, and is not overwritten; choose another name")
    if not out.absolute().parent.is_dir():
        raise NotWritten(f"{out}: its folder does not exist; make it")
    saved = out.with_name(f"{out.name}.training")
    if saved.exists() and not resume:
        raise UsageError(
            f"{saved}: exists, so a training was started here; add --resume, or remove it to begin "
            "anew"
        )
    return saved


def read(path: Path) -> bytes:
    """The bytes of what was saved.

    Raises:
        FileError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def to_the_end(
    trained: T, updates: int, advance: Callable[[T, int], T], save: Callable[[T], None]
) -> T:
    """Train until `updates` are done, saving on the way.

    Args:
        trained: where the training stands.
        updates: how many there are to be in all.
        advance: trains on, up to a number of updates.
        save: keeps what was trained so far.
    """
    while trained.done < updates:
        trained = advance(trained, min(updates, trained.done + SAVED_EVERY))
        if trained.done < updates:
            save(trained)
    return trained


def unwatched(loss: float) -> None:
    """Nobody looks."""
