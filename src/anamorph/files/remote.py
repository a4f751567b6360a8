"""Files behind URLs: `s3://`, `gs://`, `file://`, what else fsspec reaches (extra `cloud`)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from anamorph.errors import (
    AnamorphError,
    FileError,
    MissingExtra,
    NotWritten,
    UsageError,
    first_line,
)
from anamorph.files.write import write_whole

_STAMPS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
"""What file systems tell of a file's content, the surest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file below a folder."""

    url: str
    relative: str
    """Its path below the folder, with `/`."""
    size: int
    """In bytes."""
    stamp: str
    """Changes when the file does: a checksum, or the time it was written."""


def is_url(place: str | Path) -> bool:
    """Whether this is a URL, not a path.

    Example:
        >>> is_url("s3://bucket/photos"), is_url("photos")
        (True, False)
    """
    return "://" in str(place)


def url_of(place: str | Path) -> str:
    """The place as a URL without a slash at its end; a path becomes `file://` and absolute.

    Raises:
        UsageError: the URL holds a user or a password, which would end in manifests.
    """
    if not is_url(place):
        # Not `as_uri`: fsspec takes what stands in a URL as it is, and a %20 would stay one.
        return f"file://{Path(place).absolute().as_posix()}".rstrip("/")
    host = str(place).split("://", 1)[1].split("/", 1)[0]
    port = host.rpartition("]")[2].partition(":")[2]
    if "@" in host or (port and not port.isdecimal()):  # a password may go on behind a slash
        raise UsageError(
            "a URL holds a name or a password, which would be written into manifests; leave them "
            "out, and give credentials in the environment, as the storage's own tools want them"
        )
    return str(place).rstrip("/")


def entries(url: str, without: str = "") -> tuple[Entry, ...]:
    """Every file below a folder, or the one file that the URL names; in the order of their paths.

    Hidden files and folders, whose names begin with a dot, are passed over. On disks, links to
    folders are followed, each real folder once.

    Args:
        url: of the folder or the file.
        without: URL of a folder that is passed over where it lies inside, also behind a link.

    Raises:
        FileError: nothing is there, or the storage refuses.
        MissingExtra: the library for this kind of URL is not installed.
    """
    fs, top = _system(url)
    with _reaching(url):
        fs.invalidate_cache()
        if fs.isfile(top):
            return (_entry(url, top.rsplit("/", 1)[-1], fs.info(top)),)
        found = _walked(fs, top, without) if "file" in fs.protocol else fs.find(top, detail=True)
    files = []
    for path, info in found.items():
        relative = path[len(top) :].lstrip("/")
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if not hidden and not (without and f"{url}/{relative}".startswith(f"{without}/")):
            files.append(_entry(f"{url}/{relative}", relative, info))
    if not files and not exists(url):
        raise FileError(f"{url}: no such file or folder; check the URL")
    return tuple(sorted(files, key=lambda entry: entry.relative))


def names(url: str) -> frozenset[str]:
    """The names of what lies in a folder; none if there is no folder.

    Raises:
        FileError: the storage refuses.
    """
    fs, top = _system(url)
    with _reaching(url):
        fs.invalidate_cache()
        if not fs.exists(top):
            return frozenset()
        return frozenset(path.rstrip("/").rsplit("/", 1)[-1] for path in fs.ls(top, detail=False))


def exists(url: str) -> bool:
    """Whether a file is there.

    Raises:
        FileError: the storage refuses.
    """
    with _reaching(url):
        return _exists(url)


def fetch(url: str) -> bytes:
    """The content of a file.

    Raises:
        FileError: it is not there, or the storage refuses.
    """
    fs, path = _system(url)
    with _reaching(url):
        content: bytes = fs.cat_file(path)
        return content


def put(url: str, data: bytes) -> None:
    """Write a file, whole or not at all where the storage can: on disks and in object stores.

    Raises:
        NotWritten: the storage refuses.
    """
    fs, path = _system(url)
    if "file" in fs.protocol:
        write_whole(Path(path), data, overwrite=True)
        return
    try:
        fs.pipe_file(path, data)
    except Exception as error:  # whatever the library of a storage raises
        raise NotWritten(f"{url}: cannot be written: {first_line(error)}") from error


def create(url: str, data: bytes) -> bool:
    """Write a file, as `put`, where none is; whether none was.

    On disks this is one step; elsewhere two that write at the same moment can both find none.

    Raises:
        NotWritten: the storage refuses.
        FileError: it cannot be reached.
    """
    fs, path = _system(url)
    if "file" not in fs.protocol:
        if exists(url):
            return False
        put(url, data)
        return True
    try:
        write_whole(Path(path), data)
    except NotWritten:
        if os.path.lexists(path):
            return False
        raise
    return True


def remove(url: str) -> None:
    """Take a file away; it need not be there.

    Raises:
        FileError: the storage refuses.
    """
    fs, path = _system(url)
    with _reaching(url):
        if _exists(url):
            fs.rm_file(path)


def _walked(fs: Any, top: str, without: str) -> dict[str, dict[str, Any]]:
    """What `find` gives, behind links to folders too; real folders first, as `folders.find`."""
    found, seen = {}, {_identity(without.removeprefix("file://"))}
    folders, links = [top], list[str]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        identity = _identity(folder)
        if identity is None or (identity in seen and folder != top):
            continue
        seen.add(identity)
        with os.scandir(folder) as below:
            for one in sorted(below, key=lambda entry: entry.name):
                if one.is_dir() and not one.name.startswith("."):
                    (links if one.is_symlink() else folders).append(one.path)
                elif one.is_file():
                    found[one.path] = fs.info(one.path)
    return found


def _identity(path: str) -> tuple[int, int] | None:
    """Of a folder, whatever its name; None where nothing is."""
    try:
        about = Path(path).stat()
    except OSError:
        return None
    return (about.st_dev, about.st_ino)


def _entry(url: str, relative: str, info: dict[str, Any]) -> Entry:
    stamp = next((str(info[name]) for name in _STAMPS if info.get(name)), "")
    return Entry(url=url, relative=relative, size=int(info.get("size") or 0), stamp=stamp)


def _exists(url: str) -> bool:
    fs, path = _system(url)
    fs.invalidate_cache()
    return bool(fs.exists(path))


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path it knows the file by."""
    try:
        fsspec = import_module("fsspec.core")
    except ImportError as error:
        raise MissingExtra(
            "files behind URLs need the library fsspec; run `pip install 'anamorph[cloud]'`"
        ) from error
    try:
        fs, path = fsspec.url_to_fs(url)
    except ImportError as error:
        raise MissingExtra(f"{url}: {first_line(error)}") from error
    except ValueError as error:
        raise UsageError(f"{url}: {first_line(error)}") from error
    return fs, str(path).rstrip("/")


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except AnamorphError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{url}: is not there; check the URL") from error
    except PermissionError as error:
        raise FileError(f"{url}: access denied; check the credentials") from error
    except Exception as error:  # whatever the library of a storage raises
        raise FileError(f"{url}: cannot be reached: {first_line(error)}") from error
