"""Reading a store beside its pictures: files and a real PostgreSQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from anamorph.app.audit.shielded.stealing import stolen
from anamorph.app.shield.stores import Place
from anamorph.errors import UsageError
from anamorph.files.photo import Limits
from anamorph.models import Model
from anamorph.templates.address import address

Features = NDArray[np.float32]
StoreOf = Callable[..., Path]


def _stolen(place: Path | Place, pictures: Path, model: Model, **how: Any) -> Any:
    where = place if isinstance(place, Place) else Place(where=place)
    given = {"layer": None, "limits": Limits(), **how}
    return stolen(where, pictures, model, **given)


def test_records_and_clean_features_are_of_the_same_pictures(
    store_of: StoreOf, maps: Features, folders: Any, recognizer: Model
) -> None:
    found = _stolen(store_of(maps[:5] + 1), folders.pictures, recognizer)
    assert found.made_by.layer == "early"
    assert found.rows == 5
    assert [p.path.stem for p in found.pictures] == [f"{i:02d}" for i in range(5)]
    assert found.records.dtype == torch.float16
    change = found.records.float() - found.clean.float()
    assert torch.allclose(change, torch.ones_like(change), atol=0.02)


def test_a_map_may_be_stored_as_a_row_of_its_values(
    store_of: StoreOf, maps: Features, folders: Any, recognizer: Model
) -> None:
    found = _stolen(store_of(maps.reshape(len(maps), -1)), folders.pictures, recognizer)
    assert found.records.shape[1:] == (6, 8, 8)


def test_embeddings_of_unit_length_are_compared_with_such(
    store_of: StoreOf, embeddings: Features, folders: Any, recognizer: Model
) -> None:
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = _stolen(store_of(unit), folders.pictures, recognizer)
    assert found.made_by.layer == ""
    assert torch.allclose(found.clean, found.records, atol=1e-5)
    found = _stolen(store_of(embeddings), folders.pictures, recognizer)
    assert torch.allclose(found.clean, found.records, atol=1e-4)


def test_clean_features_of_a_file_are_found_by_the_names_of_the_rows(
    store_of: StoreOf, maps: Features, folders: Any, recognizer: Model
) -> None:
    plain = store_of(maps[::-1].copy() * 0 + 2, name="plain.npz")
    found = _stolen(store_of(maps), folders.pictures, recognizer, plain=plain)
    assert bool((found.clean == 2).all())
    narrow = store_of(maps[:, :3], name="narrow.npz")
    with pytest.raises(UsageError, match=r"narrow.npz: features of 3 x 8 x 8 values"):
        _stolen(store_of(maps), folders.pictures, recognizer, plain=narrow)


def test_rows_that_carry_something_else_are_left_out(
    maps: Features, folders: Any, recognizer: Model, tmp_path: Path
) -> None:
    marks = ["advface/1:ab"] * 4 + [""] * 2
    ids = [f"{i:02d}" for i in range(6)]
    path = tmp_path / "mixed.npz"
    np.savez(path, features=maps[:6], ids=np.array(ids), features_shield=np.array(marks))
    found = _stolen(path, folders.pictures, recognizer)
    assert found.mark == "advface/1:ab"
    assert len(found.pictures) == 4
    assert any("left out: 2 with no shield" in note for note in found.notes)


def test_a_table_of_a_database_is_read_too(
    faces_of: Callable[..., Any], recognizer: Model, tmp_path: Path
) -> None:
    faces = faces_of(rows=6, width=8)
    for number in (2, 3, 5):
        Image.new("RGB", (16, 16), (40 * number, 90, 20)).save(tmp_path / f"{number}.png")
    place = Place(where=address(faces.url), table=faces.table, column="embedding", id="id")
    found = _stolen(place, tmp_path, recognizer)
    assert found.rows == 6
    assert [p.person for p in found.pictures] == ["2", "3", "5"]
    assert np.allclose(found.records.numpy(), faces.features[[1, 2, 4]], atol=1e-6)
    assert any("3 rows of the store without a picture" in note for note in found.notes)
