"""Key files on disk (`.amkey`): made once, never overwritten, readable by their owner only.

Losing the key file, or its passphrase, loses every picture hidden with it: keep a copy.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anamorph.errors import FileError, NotWritten, TooLarge, UsageError
from anamorph.keys.encoding import LARGEST_FILE, VERSION, decode, encode, parse
from anamorph.keys.key import Key, Kind
from anamorph.keys.lock import STANDARD, Cost

LARGEST_PASSPHRASE = 4096
"""Bytes a passphrase file may have."""

_PART = ".anamorph-part"
_OWNER_ONLY = 0o600
_OTHERS_READ = 0o044


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """What a key file says without its passphrase.

    An unlocked file was checked for damage. A locked one proves what it says only when it is
    opened.
    """

    version: int
    kind: Kind
    fingerprint: str
    locked: bool
    created: datetime


def write(key: Key, path: Path, passphrase: bytes | None = None, *, cost: Cost = STANDARD) -> None:
    """Write the key to a new file of mode 0600, whole or not at all.

    Args:
        key: what to write.
        path: where no file is yet; its folder must exist.
        passphrase: locks the file; without one, who reads the file has the key.
        cost: what trying one passphrase costs.

    Raises:
        UsageError: an empty passphrase.
        NotWritten: something has that name already, or the disk refuses, naming why.
    """
    data = encode(key, passphrase, cost)
    with _part_beside(path, data) as part:
        _move_to_free_place(part, path)


def save(key: Key, path: Path, passphrase: bytes | None = None, *, cost: Cost = STANDARD) -> None:
    """As `write`, but in the place of whatever has that name: for a key that is not finished.

    Raises:
        UsageError: an empty passphrase.
        NotWritten: the disk refuses, naming why.
    """
    with _part_beside(path, encode(key, passphrase, cost)) as part:
        part.replace(path)


def read(path: Path, passphrase: bytes | None = None) -> Key:
    """The key in a file.

    Raises:
        FileError: the file cannot be read; TooLarge if it is larger than any key file.
        DamagedKey: not a key file, or a damaged one.
        BadKey: written by a newer anamorph.
        WrongPassphrase: missing, given for a file that is not locked, or wrong; a damaged locked
            file may say the same.
    """
    return decode(_content(path, LARGEST_FILE), str(path), passphrase)


def info(path: Path) -> KeyInfo:
    """What can be told of a key file without its passphrase.

    Raises:
        FileError, DamagedKey, BadKey: as `read`.
    """
    header = parse(_content(path, LARGEST_FILE), str(path)).header
    return KeyInfo(
        version=VERSION,
        kind=header.kind,
        fingerprint=header.fingerprint,
        locked=header.lock is not None,
        created=header.created,
    )


def exposure(path: Path) -> str:
    """Why others on this machine have the key, and what to do; empty where they don't.

    Nothing is known of systems without POSIX modes, and of an access list only what the mode shows.

    Raises:
        FileError, DamagedKey, BadKey: as `read`.
    """
    if os.name != "posix" or info(path).locked:
        return ""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    if not mode & _OTHERS_READ:
        return ""
    return (
        f"{path}: has no passphrase, and its mode {mode:04o} lets others on this machine read it; "
        "take that away with chmod 600, or lock it with `anamorph key passwd`"
    )


def change_passphrase(
    path: Path, old: bytes | None, new: bytes | None, *, cost: Cost = STANDARD
) -> None:
    """Lock a key file with another passphrase; None stands for no passphrase.

    The new file takes the old one's place in one step, after it was opened once with the new
    passphrase. Whatever fails before, the old file stays. Copies elsewhere keep the old passphrase.

    Raises:
        FileError, DamagedKey, BadKey, WrongPassphrase: the old file cannot be opened, as `read`.
        UsageError: an empty new passphrase.
        NotWritten: the disk refuses, naming why.
    """
    key = read(path, old)
    data = encode(key, new, cost)
    place = path.resolve()  # a link stays a link
    with _part_beside(place, data) as part:
        if read(part, new) != key:
            raise NotWritten(f"{path}: the new file does not read back; the old one was kept")
        part.replace(place)


def passphrase_from_file(path: Path) -> bytes:
    """The content of a passphrase file, less one newline at its end.

    Raises:
        FileError: the file cannot be read; TooLarge if it has more than 4096 bytes.
        UsageError: there is no passphrase in it.
    """
    content = _content(path, LARGEST_PASSPHRASE)
    passphrase = content.removesuffix(b"\r\n" if content.endswith(b"\r\n") else b"\n")
    if not passphrase:
        raise UsageError(f"{path}: is empty; write the passphrase on its first line")
    return passphrase


def _content(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(largest + 1)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    if len(data) > largest:
        raise TooLarge(f"{path}: has more than {largest} bytes; check that it is the right file")
    return data


@contextmanager
def _part_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A file beside `path` with all the data on the disk; gone at the end unless moved.

    Raises:
        NotWritten: instead of any `OSError`.
    """
    part = path.parent / f".{secrets.token_hex(8)}{_PART}"
    try:
        try:
            with os.fdopen(_create(part), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            yield part
        finally:
            with suppress(OSError):
                part.unlink()
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise NotWritten(
            f"{path}: exists, and no key is overwritten; choose another name"
        ) from error
    except OSError as error:
        raise NotWritten(
            f"{path}: could not be written: {error.strerror}; check the folder and the disk"
        ) from error


def _move_to_free_place(part: Path, path: Path) -> None:
    """Take the name only if nobody has it, in one step where the file system knows hard links."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        os.close(_create(path))  # claims the name, or finds it taken
        part.replace(path)


def _create(path: Path) -> int:
    """A new file that was never open to others: `Path.open` knows no mode, `chmod` comes late."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk too, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
