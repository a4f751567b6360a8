from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anamorph.errors import FileError, NotWritten, UsageError
from anamorph.templates.files import FORMATS, check_marks, cosines, open_file, write_file
from anamorph.templates.role import Features, Records

Write = Callable[..., Path]

suffixes = pytest.mark.parametrize("suffix", FORMATS)


def negated(features: Features) -> Features:
    return -features


@suffixes
def test_a_file_is_read_in_batches(suffix: str, people: Features, written: Write) -> None:
    store = open_file(written(suffix, people))
    assert store.shape == (8,)
    assert store.marks() == {None: 12}
    batches = list(store.batches(5))
    assert [len(b.ids) for b in batches] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate([b.features for b in batches]), people)
    assert {b.features.dtype for b in batches} == {np.dtype(np.float32)}
    assert batches[2].ids[1] == (11 if suffix == ".npy" else "person 11")


@suffixes
def test_a_shielded_file_says_so_for_every_row_and_keeps_the_rest(
    suffix: str, people: Features, written: Write
) -> None:
    plain = written(suffix, people)
    before = plain.read_bytes()
    out = plain.with_name(f"out{suffix}")
    write_file(open_file(plain), out, negated, "sign/1:x", 5)
    store = open_file(out)
    assert store.marks() == {"sign/1:x": 12}
    (batch,) = store.batches(100)
    np.testing.assert_array_equal(batch.features, -people)
    assert batch.ids == open_file(plain).table.ids
    assert plain.read_bytes() == before
    if suffix == ".npz":
        with np.load(out) as arrays:
            assert arrays["other"].tolist() == [0, 1, 2]
    if suffix == ".parquet":
        assert store.table.rest["age"].to_pylist() == list(range(12))


@suffixes
def test_a_failure_leaves_no_file_behind(suffix: str, people: Features, written: Write) -> None:
    plain = written(suffix, people)
    calls: list[int] = []

    def fail(features: Features) -> Features:
        calls.append(1)
        if len(calls) == 2:
            raise UsageError("no")
        return features

    with pytest.raises(UsageError, match="no"):
        write_file(open_file(plain), plain.with_name(f"out{suffix}"), fail, "m", 5)
    assert [p.name for p in plain.parent.iterdir()] == [plain.name]


@suffixes
def test_an_existing_file_is_never_written_over(
    suffix: str, people: Features, written: Write
) -> None:
    plain, other = written(suffix, people), written(suffix, people, "other")
    before = {p.name: p.read_bytes() for p in plain.parent.iterdir()}
    with pytest.raises(NotWritten, match="exists; remove it"):
        write_file(open_file(plain), other, negated, "m", 5)
    assert {p.name: p.read_bytes() for p in plain.parent.iterdir()} == before


@suffixes
def test_rows_that_nothing_can_be_compared_with_are_named(
    suffix: str, people: Features, written: Write
) -> None:
    people[3, 2], people[7, 1] = np.nan, np.inf
    with pytest.raises(UsageError, match=r"2 rows \((person )?3, (person )?7\) hold NaN"):
        list(open_file(written(suffix, people)).batches(100))
    people[[3, 7]] = 0
    with pytest.raises(UsageError, match=r"2 rows \((person )?3, (person )?7\) are all zero"):
        list(open_file(written(suffix, people)).batches(100))


@suffixes
def test_values_that_float32_cannot_hold_are_refused(
    suffix: str, people: Features, written: Write
) -> None:
    wide = people.astype(np.float64)
    wide[2, 0] = 1e300
    with pytest.raises(UsageError, match=r"1 row \((person )?2\) hold NaN or infinity"):
        list(open_file(written(suffix, wide)).batches(100))


@suffixes
def test_integers_and_empty_tables_are_refused(
    suffix: str, people: Features, written: Write
) -> None:
    with pytest.raises(UsageError, match=r"values of type int\d+, but features are float16"):
        open_file(written(suffix, np.ones((3, 4), np.int64)))
    with pytest.raises(UsageError, match="holds no features"):
        open_file(written(suffix, people[:0]))


@suffixes
def test_a_damaged_file_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(b"\x93NUMPY half a file")
    with pytest.raises(FileError, match=r"bad\.\w+: (cannot be read|not numpy's format)"):
        open_file(path)
    with pytest.raises(FileError, match=r"missing\.\w+: cannot be read"):
        open_file(tmp_path / f"missing{suffix}")


def test_another_suffix_is_refused(tmp_path: Path, people: Features, written: Write) -> None:
    with pytest.raises(UsageError, match=r"features are read from \.npy, \.npz, \.parquet"):
        open_file(tmp_path / "a.csv")
    with pytest.raises(UsageError, match=r"call it out\.npz"):
        write_file(open_file(written(".npz", people)), tmp_path / "out.npy", negated, "m", 5)


@suffixes
def test_the_nearest_rows_are_those_of_the_largest_cosines(
    suffix: str, people: Features, written: Write
) -> None:
    store = open_file(written(suffix, people))
    matches = store.nearest({None: people[4:5]}, 3)
    assert matches[0].id == (4 if suffix == ".npy" else "person 4")
    assert matches[0].cosine == pytest.approx(1)
    unit = people / np.linalg.norm(people, axis=1, keepdims=True)
    best = np.sort(unit @ unit[4])[::-1][:3]
    np.testing.assert_allclose([m.cosine for m in matches], best, atol=1e-6)
    with pytest.raises(UsageError, match="features of 7 values, but 8 values"):
        store.nearest({None: people[:1, :7]}, 3)


@suffixes
def test_a_probe_for_rows_that_are_not_there_finds_nothing(
    suffix: str, people: Features, written: Write
) -> None:
    store = open_file(written(suffix, people))
    matches = store.nearest({None: people[4:5], "keyed/1:a": people[5:6]}, 20)
    assert len(matches) == 12
    assert matches == store.nearest({None: people[4:5]}, 20)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_rows_are_added_at_the_end(
    suffix: str, people: Features, tmp_path: Path, written: Write
) -> None:
    path = written(suffix, people)
    if suffix == ".parquet":
        import pyarrow.parquet

        content = pyarrow.parquet.read_table(path)
        pyarrow.parquet.write_table(content.drop(["age"]), path)
    more = Records(["new"], people[:1] + 1, [None])
    open_file(path).add(more)
    store = open_file(path)
    assert store.marks() == {None: 13}
    found = store.find(["new", "person 3"])
    np.testing.assert_allclose(found.features, [people[0] + 1, people[3]])
    with pytest.raises(UsageError, match="new is there already"):
        store.add(more)
    both = Records(["new", "eve", "person 3"], people[:3], [None] * 3)
    with pytest.raises(UsageError, match="new, person 3 are there already"):
        store.add(both)
    with pytest.raises(UsageError, match=r"several rows of one name: eve \(2 rows\)"):
        store.add(Records(["eve", "eve"], people[:2], [None] * 2))
    with pytest.raises(UsageError, match="nobody is called eve"):
        store.find(["eve"])
    with pytest.raises(UsageError, match=r"called a, b, c and 2 others$"):
        store.find(list("abcde"))
    with pytest.raises(UsageError, match="features of 3 values, but 8"):
        store.add(Records(["x"], people[:1, :3], [None]))


def test_rows_are_not_added_where_something_would_be_missing(
    people: Features, written: Write
) -> None:
    more = Records(["new"], people[:1], [None])
    with pytest.raises(UsageError, match="has no names of rows"):
        open_file(written(".npy", people)).add(more)
    with pytest.raises(UsageError, match="columns of its own"):
        open_file(written(".parquet", people)).add(more)


def test_marks_without_a_probe_are_refused() -> None:
    probe = np.ones((1, 2), np.float32)
    check_marks({None: 3}, {None: probe}, "store")
    with pytest.raises(UsageError, match="3 with keyed/1:a"):
        check_marks({"keyed/1:a": 3}, {None: probe}, "store")
    with pytest.raises(UsageError, match="holds no features"):
        check_marks({}, {None: probe}, "store")


def test_cosines_are_of_whole_features() -> None:
    maps = np.array([[[1.0, 0.0]], [[0.0, 2.0]]], np.float32)
    assert cosines(maps, maps[:1]).tolist() == [1, 0]


def test_who_adds_to_a_file_that_somebody_else_changed_loses_nobody(
    people: Features, written: Write
) -> None:
    path = written(".npz", people)
    first, second = open_file(path), open_file(path)
    first.add(Records(["ann"], people[:1], [None]))
    with pytest.raises(UsageError, match="was changed while rows were added"):
        second.add(Records(["bob"], people[1:2], [None]))
    assert list(open_file(path).table.ids)[-1] == "ann"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
