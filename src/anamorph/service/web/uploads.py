"""Uploads: multipart bodies, taken in within bounds and put into a job's folder."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from anyio import to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from anamorph.errors import NotWritten, TooLarge
from anamorph.service.jobs import Upload
from anamorph.service.keyring import LARGEST as LARGEST_KEY
from anamorph.service.media import kept_suffix
from anamorph.service.refusals import Malformed, TooLong, TooSlow
from anamorph.service.requests import Form, file_parts
from anamorph.service.settings import Bounds

_MEMORY = LARGEST_KEY + 1024
"""Bytes of an upload that stay in memory; keys are smaller, so they never touch the disk."""

_FIELDS = 100
_FIELD_SIZE = 16 * 1024
_NAME_SIZE = 255
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a body."""

    name: str
    size: int
    stream: IO[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Body:
    """What a request holds."""

    fields: Mapping[str, list[str]] = field(repr=False)
    files: Mapping[str, list[Part]]

    def close(self) -> None:
        """Remove what was kept of it on the way."""
        for parts in self.files.values():
            for part in parts:
                part.stream.close()


async def receive(request: Request, bounds: Bounds) -> Body:
    """Read a multipart body.

    Raises:
        Malformed: another kind of body, or a broken one.
        TooLong: more bytes or parts than are taken; found while they arrive.
        TooSlow: nothing arrived for too long.
        NotWritten: the disk refuses.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise Malformed("the body is no form; send multipart/form-data, as `curl -F` does")
    _check_length(request.headers.get("content-length"), bounds)
    parser = MultiPartParser(
        request.headers,
        _bounded(request, bounds),
        max_files=bounds.pictures + 1,
        max_fields=_FIELDS,
        max_part_size=_FIELD_SIZE,
    )
    parser.spool_max_size = _MEMORY
    try:
        with _kept():
            form = await parser.parse()
    except MultiPartException as error:
        raise (TooLong if "Too many" in error.message else Malformed)(
            f"the form cannot be read: {error.message}"
        ) from error
    except ClientDisconnect:
        raise
    except (KeyError, ValueError, LookupError) as error:  # what odd headers make the parser raise
        raise Malformed("the form cannot be read; send multipart/form-data") from error
    fields: dict[str, list[str]] = {}
    files: dict[str, list[Part]] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            part = Part(_shown(value.filename or ""), value.size or 0, value.file)
            files.setdefault(name, []).append(part)
        else:
            fields.setdefault(name, []).append(value)
    return Body(fields, files)


def items(body: Body, form: type[Form], bounds: Bounds) -> list[list[Part]]:
    """The uploads of each item.

    Raises:
        Malformed: no upload, or one that the verb does not know.
        TooLarge: one with more bytes than are taken.
    """
    wanted = tuple(name for name in file_parts(form) if name != "key")
    for name in body.files:
        if name not in file_parts(form):
            raise Malformed(f"{name}: is no file that is expected; send {', '.join(wanted)}")
    parts = [body.files.get(name, []) for name in wanted]
    for part in (part for several in parts for part in several):
        if part.size > bounds.picture_bytes:
            raise TooLarge(
                f"{part.name}: {part.size:,} bytes, but at most {bounds.picture_bytes:,} are "
                "taken; save it smaller"
            )
    if form.several:
        if not parts[0]:
            raise Malformed(f"{form.files}: is missing; send at least one file")
        if len(parts[0]) > bounds.pictures:
            raise TooLong(f"{len(parts[0])} files, but at most {bounds.pictures} at once")
        return [[part] for part in parts[0]]
    if len(parts[0]) != 1 or len(parts[1]) > 1:
        raise Malformed("send one file as `original`, and at most one as `result`")
    return [[*parts[0], *parts[1]]]


def key_of(body: Body) -> bytes | None:
    """The key file that was sent, if any.

    Raises:
        Malformed: more than one.
        TooLarge: one that is larger than keys that are sent.
    """
    parts = body.files.get("key", [])
    if len(parts) > 1:
        raise Malformed("key: is given several times; send one")
    if not parts:
        return None
    if parts[0].size > LARGEST_KEY:
        raise TooLarge(f"the key has more than {LARGEST_KEY:,} bytes; the operator can name it")
    return parts[0].stream.read()


async def store(uploads: list[list[Part]], folder: Path) -> list[Upload]:
    """Copy uploads into a new folder.

    Raises:
        NotWritten: the disk refuses.
    """
    return await to_thread.run_sync(_store, uploads, folder)


def _store(uploads: list[list[Part]], folder: Path) -> list[Upload]:
    with _kept():
        return _copied(uploads, folder)


def _copied(uploads: list[list[Part]], folder: Path) -> list[Upload]:
    folder.mkdir(parents=True)
    stored = []
    for place, parts in enumerate(uploads):
        names = []
        for number, part in enumerate(parts):
            name = f"in-{place}-{number}{kept_suffix(part.name)}"
            with (folder / name).open("xb") as out:
                while chunk := part.stream.read(_CHUNK):
                    out.write(chunk)
            names.append(name)
        size = sum(part.size for part in parts)
        stored.append(Upload(name=parts[0].name, files=tuple(names), size=size))
    return stored


@contextmanager
def _kept() -> Iterator[None]:
    """A disk that refuses is told without its paths: they are the operator's."""
    try:
        yield
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise NotWritten(f"the upload cannot be kept ({said}); tell the operator") from error


def _check_length(length: str | None, bounds: Bounds) -> None:
    if length is not None and length.isdecimal() and int(length) > bounds.request_bytes:
        raise TooLong(f"{int(length):,} bytes, but at most {bounds.request_bytes:,} are taken")


async def _bounded(request: Request, bounds: Bounds) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, while it stays within bounds."""
    stream: Any = request.stream()
    size, until = 0, time.monotonic() + bounds.upload_seconds
    while True:
        if time.monotonic() > until:
            raise TooSlow(f"it took longer than {bounds.upload_seconds:g} s; send fewer files")
        try:
            chunk = await asyncio.wait_for(anext(stream, None), bounds.idle_seconds)
        except TimeoutError:
            raise TooSlow(f"nothing arrived for {bounds.idle_seconds:g} s; send again") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > bounds.request_bytes:
            raise TooLong(f"more than {bounds.request_bytes:,} bytes; send fewer or smaller files")
        yield chunk


def _shown(name: str) -> str:
    """A name that is safe to show: no control characters, not too long."""
    clean = "".join(c for c in name if c.isprintable())
    return clean[-_NAME_SIZE:] or "picture"
