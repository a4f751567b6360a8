"""Features in numpy's files: `.npy`, one array; `.npz`, an array with the names of its rows.

A `.npz` file holds its rows' marks as the array `COLUMN_shield`. A `.npy` file has no room for
them: beside it lies `NAME.npy.shield.json`, which also tells whether it is still the same file.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from anamorph.errors import FileError, TooLarge, UsageError
from anamorph.files.manifest import file_digest
from anamorph.files.write import whole, write_whole
from anamorph.templates.checking import check_kind
from anamorph.templates.role import Features, Id, Mark
from anamorph.templates.table import MARK, Table

COLUMN, IDS = "features", "ids"
"""The arrays of a `.npz` file, unless others are named."""

BESIDE = ".shield.json"

_ROOM, _GROWTH = 64 * 2**20, 32
"""An `.npz` file may unfold to so many bytes, or to so many times its own size."""


class Npy:
    """One array of features; rows are named by their numbers."""

    def read(self, path: Path, column: str, id_: str) -> Table:
        """The array, left on the disk until its rows are needed."""
        if column or id_:
            raise UsageError(f"{path}: a .npy file has no names; leave --column and --id out")
        features = _loaded(path, mmap=True)
        check_kind(features, str(path))
        return Table(
            where=str(path),
            column="",
            ids=range(len(features)),
            features=features,
            marks=_marks_beside(path, len(features)),
        )

    def write(self, path: Path, table: Table, batches: Iterator[Features]) -> None:
        """An array, written row by row, with the file of marks beside it."""
        beside = path.with_name(path.name + BESIDE)
        with whole(path) as part:
            shape = (len(table.ids), *table.shape)
            out = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
            start = 0
            for batch in batches:
                out[start : start + len(batch)] = batch
                start += len(batch)
            out.flush()
            del out
            # The marks go first: shielded features without them would pass for plain ones.
            content = {"sha256": file_digest(part), "marks": _counted(table.marks)}
            write_whole(beside, json.dumps(content).encode(), overwrite=True)


class Npz:
    """Named arrays: features, the names of the rows, their marks."""

    def read(self, path: Path, column: str, id_: str) -> Table:
        """The arrays of a file."""
        arrays = _loaded(path, mmap=False)
        column = column or _only_features(path, arrays)
        features = _array(path, arrays, column)
        check_kind(features, f"{path}: {column}")
        ids: Sequence[Id] = range(len(features))
        if id_ or IDS in arrays:
            ids = _array(path, arrays, id_ or IDS).tolist()
        marks: Sequence[Mark] = [None] * len(features)
        if column + MARK in arrays:
            marks = [str(m) or None for m in arrays[column + MARK].tolist()]
        if not len(features) == len(ids) == len(marks):
            raise UsageError(
                f"{path}: {len(features)} features, {len(ids)} names of rows and {len(marks)} "
                "marks; there must be as many of each"
            )
        arrays.pop(column + MARK, None)
        arrays.pop(column)
        if isinstance(ids, list):
            arrays.pop(id_ or IDS)
        rest = {"ids": id_ or IDS, "arrays": arrays}
        return Table(
            where=str(path), column=column, ids=ids, features=features, marks=marks, rest=rest
        )

    def write(self, path: Path, table: Table, batches: Iterator[Features]) -> None:
        """The same arrays, with other features and marks."""
        rest = table.rest or {"ids": IDS, "arrays": {}}
        column = table.column or COLUMN
        arrays = {
            column + MARK: np.array([m or "" for m in table.marks]),
            rest["ids"]: np.array(list(table.ids)),
            **rest["arrays"],
        }
        with whole(path, overwrite=path.exists()) as part, ZipFile(part, "x") as archive:
            with _member(archive, column) as stream:
                _stream(stream, (len(table.ids), *table.shape), batches)
            for name, values in arrays.items():
                with _member(archive, name) as stream:
                    np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)


def _member(archive: ZipFile, name: str) -> IO[bytes]:
    return archive.open(f"{name}.npy", "w", force_zip64=True)


def _stream(stream: IO[bytes], shape: tuple[int, ...], batches: Iterator[Features]) -> None:
    """Write an array batch by batch: maps of many people need not fit into memory."""
    about = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    for batch in batches:
        stream.write(np.ascontiguousarray(batch, np.float32).tobytes())


def _loaded(path: Path, *, mmap: bool) -> Any:
    try:
        if mmap:
            return np.lib.format.open_memmap(path, mode="r")
        _check_size(path)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, BadZipFile) as error:
        raise FileError(
            f"{path}: not numpy's format, damaged, or of mixed types ({error}); save it again as "
            "one array of floats"
        ) from error


def _check_size(path: Path) -> None:
    """Refuse a file that unfolds to far more than features do, before any of it is unfolded.

    Raises:
        TooLarge: it does.
        BadZipFile: it is no archive.
    """
    with ZipFile(path) as archive:
        unfolded = sum(member.file_size for member in archive.infolist())
    allowed = max(_ROOM, _GROWTH * path.stat().st_size)
    if unfolded > allowed:
        raise TooLarge(
            f"{path}: unfolds to {unfolded:,} bytes, more than {_GROWTH} times its size; save it "
            "again without what is no feature, or uncompressed"
        )


def _array(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in arrays:
        raise UsageError(f"{path}: no array {name!r}; there are {', '.join(sorted(arrays))}")
    return arrays[name]


def _only_features(path: Path, arrays: dict[str, NDArray[Any]]) -> str:
    if COLUMN in arrays:
        return COLUMN
    wide = [name for name, a in arrays.items() if a.ndim > 1 and a.dtype.kind == "f"]
    if len(wide) != 1:
        raise UsageError(
            f"{path}: which array holds the features? There are {', '.join(sorted(arrays))}; name "
            "one with --column"
        )
    return wide[0]


def _counted(marks: Sequence[Mark]) -> list[list[Any]]:
    """Marks that follow each other, with how many there are."""
    runs: list[list[Any]] = []
    for m in marks:
        if runs and runs[-1][0] == m:
            runs[-1][1] += 1
        else:
            runs.append([m, 1])
    return runs


def _marks_beside(path: Path, count: int) -> Sequence[Mark]:
    beside = path.with_name(path.name + BESIDE)
    if not beside.exists():
        return [None] * count
    try:
        content = json.loads(beside.read_bytes())
        digest = content["sha256"]
        marks = [m for m, n in content["marks"] for _ in range(n)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{beside}: damaged; restore it, or remove it with {path.name}") from error
    if len(marks) != count or digest != file_digest(path):
        raise FileError(
            f"{beside}: is of another {path.name}; remove it if the features are plain, restore "
            "both otherwise"
        )
    return marks
