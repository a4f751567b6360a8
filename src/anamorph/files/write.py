"""Files appear whole or not at all: written beside their place, then moved into it."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anamorph.errors import NotWritten

_PART = ".anamorph-part"

_WHAT_TO_DO = {
    errno.ENOSPC: "free some space or choose another --out",
    errno.EDQUOT: "free some space or choose another --out",
    errno.EROFS: "choose an --out you may write to",
    errno.EACCES: "choose an --out you may write to",
    errno.EPERM: "choose an --out you may write to",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another --out",
    errno.EEXIST: "remove it or choose another --out",
}


def write_whole(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write a file so that nobody ever sees half of it, not even after a crash.

    Raises:
        NotWritten: the file exists and `overwrite` is not set, or the disk refuses, naming why.
    """
    with whole(path, overwrite=overwrite) as part, part.open("xb") as stream:
        stream.write(data)


@contextmanager
def whole(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A place for a file that is too large to write at once: it is moved to `path` at the end.

    Yields:
        Where the file is to be made, beside `path`; removed again if the block is left by an error.

    Raises:
        NotWritten: as `write_whole`.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.parent / f".{secrets.token_hex(8)}{_PART}"
        try:
            yield part
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
            if overwrite:
                part.replace(path)
            else:
                _move_to_free_place(part, path)
        finally:
            with suppress(OSError):
                part.unlink()


def sweep(out: Path) -> tuple[Path, ...]:
    """Remove what killed runs left half-written under `out`, and say what it was.

    Raises:
        NotWritten: a leftover cannot be removed.
    """
    leftovers = tuple(sorted(out.rglob(f".*{_PART}")))
    for part in leftovers:
        with writing(part):
            part.unlink(missing_ok=True)
    return leftovers


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the errors of the disk into `NotWritten`, naming the file and what to do.

    Raises:
        NotWritten: instead of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        advice = _WHAT_TO_DO.get(error.errno or 0, "check the disk")
        raise NotWritten(
            f"{path}: could not be written: {error.strerror or error}; {advice}"
        ) from error


def _move_to_free_place(part: Path, path: Path) -> None:
    """Take the name only if nobody has it, in one step where the file system knows hard links."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        part.replace(path)
