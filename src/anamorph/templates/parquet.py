"""Features in Parquet: a column of lists of floats, one of names, and `COLUMN_shield` for marks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.errors import FileError, MissingExtra, UsageError, first_line
from anamorph.files.write import whole
from anamorph.templates.checking import check_kind, faulty
from anamorph.templates.role import Features, Id, Mark
from anamorph.templates.table import MARK, Table

COLUMN, ID = "features", "id"
"""The columns, unless others are named."""


class Parquet:
    """A table; columns that are not ours are kept as they are."""

    def read(self, path: Path, column: str, id_: str) -> Table:
        """The table of a file."""
        arrow = _pyarrow(path)
        try:
            content = arrow.parquet.read_table(path)
        except (OSError, arrow.ArrowInvalid) as error:
            raise FileError(f"{path}: cannot be read as Parquet: {first_line(error)}") from error
        if not len(content):
            raise UsageError(f"{path}: holds no features; check the file")
        column = column or _only_features(path, content, arrow)
        names = id_ or (ID if ID in content.column_names else "")
        for name in filter(None, (column, names)):
            if name not in content.column_names:
                raise UsageError(
                    f"{path}: no column {name!r}; there are {', '.join(content.column_names)}"
                )
        ids: Sequence[Id] = content[names].to_pylist() if names else range(len(content))
        features = _features(path, column, content[column], ids, arrow)
        marks: Sequence[Mark] = [None] * len(content)
        if column + MARK in content.column_names:
            marks = content[column + MARK].to_pylist()
        return Table(
            where=str(path), column=column, ids=ids, features=features, marks=marks, rest=content
        )

    def write(self, path: Path, table: Table, batches: Iterator[Features]) -> None:
        """The same table with other features and marks."""
        arrow = _pyarrow(path)
        column = table.column or COLUMN
        content = arrow.table({ID: list(table.ids)}) if table.rest is None else table.rest
        width = table.shape[0]
        features = np.concatenate([b.reshape(-1) for b in batches])
        lists = arrow.FixedSizeListArray.from_arrays(arrow.array(features), width)
        if len(content) != len(lists):  # rows were added; there is only their name to be filled
            (name,) = own_columns(table) or [ID]
            content = arrow.table({name: list(table.ids), column: lists})
        content = _with(content, column, lists)
        content = _with(content, column + MARK, arrow.array(table.marks, arrow.string()))
        with whole(path, overwrite=path.exists()) as part:
            arrow.parquet.write_table(content, part)


def own_columns(table: Table) -> list[str]:
    """The columns that are neither features nor marks: at least the names, if there are any."""
    ours = (table.column, table.column + MARK)
    return [name for name in table.rest.column_names if name not in ours]


def _with(content: Any, name: str, values: Any) -> Any:
    if name in content.column_names:
        return content.set_column(content.column_names.index(name), name, values)
    return content.append_column(name, values)


def _features(
    path: Path, name: str, values: Any, ids: Sequence[Id], arrow: Any
) -> NDArray[np.generic]:
    """The lists of a column as one array; they must be floats and of one length."""
    values = values.combine_chunks()
    where = f"{path}: {name}"
    if not _holds_lists(values.type, arrow):
        raise UsageError(f"{where}: a column of {values.type}, but features are lists of floats")
    missing = np.asarray(values.is_null())
    if missing.any():
        raise UsageError(f"{where}: {faulty(missing, ids)} have no feature; remove them")
    sizes = np.asarray(arrow.compute.list_value_length(values))
    if len(set(sizes.tolist())) > 1:
        width = int(np.median(sizes))
        raise UsageError(
            f"{where}: features of several widths: {faulty(sizes != width, ids)} have another than "
            f"{width}"
        )
    flat = np.asarray(values.flatten())
    features = flat.reshape(len(values), -1)
    check_kind(features, where)
    return features


def _only_features(path: Path, content: Any, arrow: Any) -> str:
    lists = [field.name for field in content.schema if _holds_lists(field.type, arrow)]
    if COLUMN in lists:
        return COLUMN
    if len(lists) != 1:
        raise UsageError(
            f"{path}: which column holds the features? There are "
            f"{', '.join(content.column_names)}; name one with --column"
        )
    return str(lists[0])


def _holds_lists(kind: Any, arrow: Any) -> bool:
    types = arrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(
            f"{path}: Parquet needs the library pyarrow; run `pip install 'anamorph[parquet]'`"
        ) from error
    return pyarrow
