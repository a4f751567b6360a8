import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from anamorph.errors import MissingExtra, UsageError
from anamorph.templates.files import open_file


def table(tmp_path: Path, **columns: object) -> Path:
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_features_of_several_widths_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, id=["a", "b", "c"], features=[[1.0, 2.0], [1.0], [2.0, 3.0]])
    with pytest.raises(UsageError, match=r"several widths: 1 row \(b\) have another than 2"):
        open_file(path)


def test_missing_features_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, id=["a", "b"], features=[[1.0, 2.0], None])
    with pytest.raises(UsageError, match=r"1 row \(b\) have no feature"):
        open_file(path)


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, id=["a"], features=["text"])
    with pytest.raises(UsageError, match="a column of string, but features are lists"):
        open_file(path, "features")
    with pytest.raises(UsageError, match="name one with --column"):
        open_file(path)
    with pytest.raises(UsageError, match="no column 'x'; there are id, features"):
        open_file(path, "x")


def test_a_file_without_names_counts_its_rows(tmp_path: Path) -> None:
    assert list(open_file(table(tmp_path, emb=[[1.0], [2.0]])).table.ids) == [0, 1]


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"anamorph\[parquet\]"):
        open_file(tmp_path / "a.parquet")
