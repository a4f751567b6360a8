import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anamorph.errors import FileError, TooLarge, UsageError
from anamorph.templates.files import open_file, write_file
from anamorph.templates.role import Features

Write = Callable[..., Path]


@pytest.fixture
def shielded(people: Features, written: Write) -> Path:
    plain = written(".npy", people)
    out = plain.with_name("out.npy")
    write_file(open_file(plain), out, lambda features: -features, "sign/1:x", 5)
    return out


def test_the_marks_of_an_array_lie_beside_it(shielded: Path) -> None:
    beside = shielded.with_name("out.npy.shield.json")
    assert json.loads(beside.read_text())["marks"] == [["sign/1:x", 12]]
    assert open_file(shielded).marks() == {"sign/1:x": 12}


def test_marks_of_another_array_are_not_believed(shielded: Path, people: Features) -> None:
    np.save(shielded, people)
    with pytest.raises(FileError, match=r"shield\.json: is of another out\.npy"):
        open_file(shielded)


@pytest.mark.parametrize("content", ["", "{}", '{"sha256": "", "marks": [1]}'])
def test_damaged_marks_are_refused(shielded: Path, content: str) -> None:
    shielded.with_name("out.npy.shield.json").write_text(content)
    with pytest.raises(FileError, match=r"shield\.json: damaged"):
        open_file(shielded)


def test_feature_maps_stay_on_the_disk_until_they_are_needed(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).normal(size=(6, 2, 3, 4)).astype(np.float16)
    np.save(tmp_path / "maps.npy", maps)
    store = open_file(tmp_path / "maps.npy")
    assert isinstance(store.table.features, np.memmap)
    write_file(store, tmp_path / "out.npy", lambda f: 2 * f, "double/1:x", 4)
    out = open_file(tmp_path / "out.npy")
    assert out.shape == (2, 3, 4)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), 2 * maps.astype(np.float32))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    mixed = np.array([[1.0, 2.0], [3.0]], dtype=object)
    np.save(tmp_path / "mixed.npy", mixed, allow_pickle=True)
    np.savez(tmp_path / "mixed.npz", allow_pickle=True, features=mixed)
    for name in ("mixed.npy", "mixed.npz"):
        with pytest.raises((FileError, UsageError), match="mixed types"):
            open_file(tmp_path / name)


def test_arrays_are_named_or_told_by_their_shape(tmp_path: Path, people: Features) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, emb=people, key=np.arange(12))
    assert open_file(path).table.column == "emb"
    assert list(open_file(path, id_="key").table.ids) == list(range(12))
    np.savez(path, emb=people, other=people)
    with pytest.raises(UsageError, match="name one with --column"):
        open_file(path)
    assert open_file(path, "other").table.column == "other"
    with pytest.raises(UsageError, match="no array 'x'; there are emb, other"):
        open_file(path, "x")
    np.savez(path, features=people, ids=np.arange(11))
    with pytest.raises(UsageError, match="12 features, 11 names of rows"):
        open_file(path)
    np.savez(path, features=people[0])
    with pytest.raises(UsageError, match=r"array of shape \(8,\)"):
        open_file(path)


def test_an_array_has_no_names(people: Features, written: Write) -> None:
    with pytest.raises(UsageError, match="leave --column and --id out"):
        open_file(written(".npy", people), "features")


def test_an_archive_that_unfolds_to_far_more_than_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    features = np.eye(4, 8, dtype=np.float32)
    np.savez_compressed(path, features=features, unused=np.zeros(2**23, dtype=np.float64))
    assert path.stat().st_size < 2**20
    with pytest.raises(TooLarge, match=r"unfolds to 67,1.* bytes, more than 32 times its size"):
        open_file(path)


def test_an_archive_that_is_called_an_array_is_refused(tmp_path: Path, people: Features) -> None:
    np.savez(tmp_path / "people.npz", features=people)
    path = (tmp_path / "people.npz").rename(tmp_path / "people.npy")
    with pytest.raises(FileError, match="not numpy's format"):
        open_file(path)
