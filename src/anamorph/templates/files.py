"""A file of features as a store: the suffix says which format it has."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anamorph.errors import NotWritten, UsageError
from anamorph.templates.arrays import Npy, Npz
from anamorph.templates.checking import check_names, check_rows, check_shape, few
from anamorph.templates.parquet import Parquet, own_columns
from anamorph.templates.role import Features, Id, Mark, Match, Probes, Records
from anamorph.templates.table import Format, Table

FORMATS: Mapping[str, Format] = {
    ".npy": Npy(),
    ".npz": Npz(),
    ".parquet": Parquet(),
}

_BATCH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStore:
    """The features of one file, in the role of a store."""

    path: Path
    table: Table
    version: tuple[int, ...] = ()
    """Which file was read: another one may lie there when rows are added."""

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one feature."""
        return self.table.shape

    def marks(self) -> Mapping[Mark, int]:
        """How many rows carry each mark."""
        return Counter(self.table.marks)

    def batches(self, size: int) -> Generator[Records, None, None]:
        """All rows, `size` at a time."""
        return self.table.batches(size)

    def nearest(self, probes: Probes, count: int) -> list[Match]:
        """The rows with the largest cosines."""
        check_marks(self.marks(), probes, self.name)
        found: list[Match] = []
        for ids, features, marks in self.batches(_BATCH):
            for mark, probe in probes.items():
                check_shape(probe.shape[1:], self.shape, self.name)
                rows = np.array([m == mark for m in marks])
                if not rows.any():
                    continue
                names = [i for i, row in zip(ids, rows, strict=True) if row]
                near = cosines(features[rows], probe)
                found += map(Match, names, near.tolist())
        return sorted(found, key=lambda match: -match.cosine)[:count]

    def find(self, ids: Sequence[Id]) -> Records:
        """The rows of these names."""
        numbers = {str(name): i for i, name in enumerate(self.table.ids)}
        missing = [str(i) for i in ids if str(i) not in numbers]
        if missing:
            raise UsageError(f"{self.name}: nobody is called {few(missing)}")
        rows = [numbers[str(i)] for i in ids]
        features = self.table.features[rows].astype(np.float32)
        check_rows(ids, features, self.name)
        return Records(
            [self.table.ids[i] for i in rows], features, [self.table.marks[i] for i in rows]
        )

    def add(self, records: Records) -> None:
        """Write the file again, with these rows at its end.

        Raises:
            UsageError: a name that is there already, features of another shape, or a file that
                somebody has changed since it was read.
        """
        if self.path.suffix == ".npy":
            raise UsageError(f"{self.path}: a .npy file has no names of rows; use .npz or .parquet")
        if self.path.suffix == ".parquet" and len(own_columns(self.table)) > 1:
            raise UsageError(
                f"{self.path}: has columns of its own, which nobody could fill; add rows with the "
                "program that wrote it"
            )
        check_shape(records.features.shape[1:], self.shape, self.name)
        check_rows(records.ids, records.features, self.name)
        known = {str(i) for i in self.table.ids}
        there = [str(i) for i in records.ids if str(i) in known]
        if there:
            verb = "is" if len(there) == 1 else "are"
            raise UsageError(f"{self.name}: {few(there)} {verb} there already")
        check_names(records.ids, f"what is to be added to {self.name}")
        table = replace(
            self.table,
            ids=[*self.table.ids, *records.ids],
            marks=[*self.table.marks, *records.marks],
        )
        FORMATS[self.path.suffix].write(self.path, table, self._with(records.features))

    def _with(self, more: Features) -> Iterator[Features]:
        """All rows and then these, as long as the file is the one that was read."""
        for batch in self.batches(_BATCH):
            yield batch.features
        yield more
        if _version(self.path) != self.version:
            raise UsageError(
                f"{self.name}: was changed while rows were added to it; nothing was added, run "
                "this again"
            )


def open_file(path: Path, column: str = "", id_: str = "") -> FileStore:
    """The store in a file.

    Args:
        path: a `.npy`, `.npz` or `.parquet` file.
        column: what the features are called in it.
        id_: what the names of the rows are called in it.

    Raises:
        UsageError: another suffix, no such column, an empty table, or no features.
        FileError: the file cannot be read.
        MissingExtra: Parquet without pyarrow.
    """
    version = _version(path)
    table = _format(path).read(path, column, id_)
    if not len(table.ids):
        raise UsageError(f"{path}: holds no features; check the file")
    return FileStore(path=path, table=table, version=version)


def write_file(
    source: FileStore, out: Path, shield: Callable[[Features], Features], mark: str, size: int
) -> None:
    """Write a source's rows to a new file, with their features shielded and marked.

    Args:
        source: what to read; it stays as it is.
        out: a new file of the same format.
        shield: makes the features of a batch.
        mark: what the rows of the new file carry.
        size: of a batch.

    Raises:
        UsageError: another format, or features that cannot be shielded.
        NotWritten: the file exists, or the disk refuses.
    """
    if out.suffix != source.path.suffix:
        raise UsageError(
            f"{out}: {source.path} is shielded into the same format; call it "
            f"{out.with_suffix(source.path.suffix).name}"
        )
    if os.path.lexists(out):
        raise NotWritten(f"{out}: exists; remove it or choose another --out")
    table = replace(source.table, marks=[mark] * len(source.table.ids))
    features = (shield(batch.features) for batch in source.batches(size))
    FORMATS[out.suffix].write(out, table, features)


def write_rows(path: Path, ids: Sequence[Id], features: Features, mark: Mark, size: int) -> None:
    """Write a new file of rows that are all of one mark.

    Args:
        path: where to; `check_new` says whether that can be.
        ids: the names of the rows.
        features: (n, ...), for example left on the disk.
        mark: what they carry.
        size: rows that are written at once.

    Raises:
        NotWritten: the file exists, or the disk refuses.
    """
    table = Table(where=str(path), column="", ids=ids, features=features, marks=[mark] * len(ids))
    batches = (features[start : start + size] for start in range(0, len(features), size))
    _format(path).write(path, table, batches)


def check_new(path: Path, *, maps: bool) -> None:
    """Refuse a file that could not be written, before its rows are made.

    Args:
        path: the new file.
        maps: whether the features are maps (c, h, w), not embeddings.

    Raises:
        UsageError: another suffix, or a format that holds no maps.
        NotWritten: it exists.
    """
    _format(path)
    if maps and path.suffix == ".parquet":
        raise UsageError(f"{path}: Parquet holds embeddings, no maps; use .npz or .npy")
    if os.path.lexists(path):
        raise NotWritten(f"{path}: exists; remove it or choose another --out")


def cosines(features: Features, probe: Features) -> Features:
    """Cosine of each row with the one probe (1, ...)."""
    rows, one = features.reshape(len(features), -1), probe.reshape(-1)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    found: Features = (rows @ one / lengths).astype(np.float32)
    return found


def check_marks(marks: Mapping[Mark, int], probes: Probes, where: str) -> None:
    """Refuse to compare a probe with rows that it is not made for.

    Raises:
        UsageError: no rows at all, or rows with a mark that no probe is for.
    """
    if not marks:
        raise UsageError(f"{where}: holds no features; enroll somebody first")
    strange = {m: n for m, n in marks.items() if m not in probes}
    if strange:
        told = ", ".join(f"{n} with {m or 'no shield'}" for m, n in strange.items())
        raise UsageError(
            f"{where}: holds rows that this probe cannot be compared with: {told}; give the key "
            "they were shielded with"
        )


def _version(path: Path) -> tuple[int, ...]:
    """Tells one file of a name from the next; empty where there is none."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns


def _format(path: Path) -> Format:
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: features are read from {', '.join(FORMATS)} files")
    return FORMATS[path.suffix]
