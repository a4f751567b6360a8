"""The record of a run: `manifest.jsonl`, one line for the run and one for every picture.

Lines are only ever added, each with one write that is on the disk before the next picture
begins. A run that is killed leaves at worst a torn last line, which `Manifest.resume` removes. A
process that writes a manifest holds a lock on it, which ends with the process.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from anamorph.errors import FileError, NotWritten, UsageError
from anamorph.files.lock import Lock, locked
from anamorph.files.write import writing

Record: TypeAlias = dict[str, Any]
"""What JSON can hold: strings, finite numbers, booleans, null, lists and such dictionaries."""

NAME = "manifest.jsonl"

_SCHEMA = "anamorph_manifest"
_NEWEST = 1
_FREE_TO_DIFFER = frozenset({_SCHEMA, "created", "version"})
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of one run, for one writer at a time."""

    path: Path
    lock: Lock | None = field(default=None, repr=False, compare=False)

    @classmethod
    def start(cls, out: Path, header: Mapping[str, Any]) -> "Manifest":
        """A new manifest in the folder `out`, which is made if it is missing.

        Raises:
            UsageError: the folder already holds a manifest.
            NotWritten: the disk refuses, or JSON cannot hold the header.
        """
        path = out / NAME
        line = _line(path, {_SCHEMA: _NEWEST, **header})
        with writing(path):
            out.mkdir(parents=True, exist_ok=True)
            try:
                path.open("xb").close()
            except FileExistsError:
                raise UsageError(
                    f"{path}: exists, so a run was started here; add --resume or choose another "
                    "--out"
                ) from None
            lock = locked(path)
            _add(path, line)
        return cls(path, lock)

    @classmethod
    def resume(cls, out: Path, header: Mapping[str, Any]) -> tuple["Manifest", tuple[Record, ...]]:
        """Go on where a run with the same header stopped; where none started, start.

        Returns:
            The manifest and the records of the pictures it already holds, in their order.

        Raises:
            UsageError: the run differs in anything but `created` and `version`, naming it; or the
                manifest is of a newer anamorph, or another process is writing it.
            FileError: the file is damaged or is no manifest.
            NotWritten: the torn last line cannot be removed.
        """
        path = out / NAME
        if not path.exists():
            return cls.start(out, header), ()
        lock = locked(path)
        data = _content(path)
        whole = data[: data.rfind(b"\n") + 1]
        if not whole:
            return _restarted(path, lock, data, header), ()
        old, *records = (_parsed(path, n, raw) for n, raw in enumerate(whole.splitlines(), 1))
        _check_schema(path, old)
        check_same_run(path, old, json.loads(_line(path, header)), apart=_FREE_TO_DIFFER)
        if len(whole) < len(data):
            with writing(path):
                os.truncate(path, len(whole))
        return cls(path, lock), tuple(records)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one picture's record; on the disk when this returns, or not in the file at all.

        Raises:
            NotWritten: the disk refuses, or the record holds NaN, infinity or no JSON at all.
        """
        with writing(self.path):
            _add(self.path, _line(self.path, record))


def records_in(folder: Path) -> tuple[Record, tuple[Record, ...]] | None:
    """The header and the records of the manifest in a folder, or None where there is none.

    Raises:
        FileError: the manifest is damaged or cannot be read.
        UsageError: it is of a newer anamorph.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    data = _content(path)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole:
        return None
    header, *records = (_parsed(path, n, raw) for n, raw in enumerate(whole.splitlines(), 1))
    _check_schema(path, header)
    return header, tuple(records)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, to know a source again.

    Raises:
        FileError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def _line(path: Path, record: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(dict(record), allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise NotWritten(
            f"{path}: a record does not fit JSON ({error}); use null for NaN and infinity"
        ) from error


def _add(path: Path, line: bytes) -> None:
    with path.open("r+b", buffering=0) as stream:
        end = stream.seek(0, os.SEEK_END)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[stream.write(rest) :]
            os.fsync(stream.fileno())
        except BaseException:
            stream.truncate(end)
            raise


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def _restarted(path: Path, lock: Lock | None, torn: bytes, header: Mapping[str, Any]) -> Manifest:
    """The run was killed while it wrote its header: nothing is lost by writing it again."""
    opening = f'{{"{_SCHEMA}": '.encode()
    if torn[: len(opening)] != opening[: len(torn)]:
        raise _no_manifest(path)
    with writing(path):
        os.truncate(path, 0)
        _add(path, _line(path, {_SCHEMA: _NEWEST, **header}))
    return Manifest(path, lock)


def _parsed(path: Path, number: int, raw: bytes) -> Record:
    try:
        record = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"{path}: line {number} is damaged ({error}); restore the file or choose another --out"
        ) from error
    if not isinstance(record, dict):
        raise _no_manifest(path)
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_schema(path: Path, header: Record) -> None:
    schema = header.get(_SCHEMA)
    if not isinstance(schema, int):
        raise _no_manifest(path)
    if schema > _NEWEST:
        raise UsageError(
            f"{path}: written by a newer anamorph (manifest {schema}, this one knows {_NEWEST}); "
            "update anamorph or choose another --out"
        )


def check_same_run(place: Path | str, old: Record, new: Record, *, apart: Collection[str]) -> None:
    """Refuse to go on with a run that had another header.

    Args:
        place: where the header is.
        old: as it is there.
        new: as it would be now.
        apart: names that may differ.

    Raises:
        UsageError: they differ elsewhere too.
    """
    was, now = ({n: v for n, v in header.items() if n not in apart} for header in (old, new))
    if changes := list(_differences(was, now)):
        raise UsageError(
            f"{place}: this run differs from the one to resume: {'; '.join(changes)}; "
            "use the same settings or choose another --out"
        )


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    if _names(old) != _names(new):  # another model: its digests and layers say no more
        yield f"{name} was {_told(old)}, now {_told(new)}"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{name}.{key}" if name else key
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), inner)
    elif _names(old) and isinstance(old, list) and len(old) == len(new):
        for i, (was, now) in enumerate(zip(old, new, strict=True), 1):
            yield from _differences(was, now, f"{name} {i}")
    elif old != new:
        yield f"{name} was {_told(old)}, now {_told(new)}"


def _names(value: Any) -> list[str]:
    """The names of what is identified by them; empty for anything else."""
    several = value if isinstance(value, list) else [value]
    return [str(one["name"]) for one in several if isinstance(one, dict) and "name" in one]


def _told(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    return " and ".join(_names(value)) or json.dumps(value)


def _no_manifest(path: Path) -> FileError:
    return FileError(f"{path}: not a manifest of anamorph; move it away or choose another --out")
