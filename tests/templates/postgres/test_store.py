from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from anamorph.errors import UsageError
from anamorph.templates.address import address
from anamorph.templates.postgres.store import PostgresStore, open_table
from anamorph.templates.role import Records

Faces = Any


@pytest.fixture
def store(faces: Faces) -> Iterator[PostgresStore]:
    store = open_table(address(faces.url), faces.table, "embedding", "id")
    with store.connection:
        yield store


def test_rows_are_read_in_batches_and_in_their_order(faces: Faces, store: PostgresStore) -> None:
    faces.run("UPDATE {t} SET embedding = NULL WHERE id = 3")
    batches = list(store.batches(16))
    assert [len(b.ids) for b in batches] == [16, 16, 7]
    assert [int(str(i)) for b in batches for i in b.ids] == [i for i in range(1, 41) if i != 3]
    features = np.concatenate([b.features for b in batches])
    np.testing.assert_array_equal(features, np.delete(faces.features, 2, axis=0))
    assert (store.marks(), store.empty(), store.shape) == ({None: 39}, 1, (8,))


def test_the_nearest_rows_are_those_of_the_largest_cosines(
    faces: Faces, store: PostgresStore
) -> None:
    unit = faces.features / np.linalg.norm(faces.features, axis=1, keepdims=True)
    expected = np.argsort(-(unit @ unit[4]))[:5] + 1
    matches = store.nearest({None: faces.features[4:5]}, 5)
    assert [m.id for m in matches] == [str(i) for i in expected]
    assert matches[0].cosine == pytest.approx(1)
    with pytest.raises(UsageError, match="features of 7 values, but 8"):
        store.nearest({None: faces.features[:1, :7]}, 5)
    with pytest.raises(UsageError, match="40 with no shield"):
        store.nearest({"keyed/1:x": faces.features[:1]}, 5)


def test_rows_are_added_with_their_marks_all_or_none(faces: Faces, store: PostgresStore) -> None:
    rows = Records(["100", "101"], faces.features[:2] + 1, ["keyed/1:x"] * 2)
    store.add(rows)
    found = store.inspected().find(["101", "100"])
    np.testing.assert_array_equal(found.features, faces.features[[1, 0]] + 1)
    assert list(found.marks) == ["keyed/1:x"] * 2
    again = Records(["102", "7"], faces.features[:2], [None, None])
    with pytest.raises(UsageError, match=r"Key \(id\)=\(7\) already exists\. Nothing was added"):
        store.inspected().add(again)
    assert sum(store.inspected().marks().values()) == 42


def test_rows_that_the_table_refuses_are_named(faces: Faces, store: PostgresStore) -> None:
    with pytest.raises(UsageError, match="'eve' does not fit the type of id"):
        store.find(["eve"])
    with pytest.raises(UsageError, match="nobody with a feature is called 99"):
        store.find(["99"])
    with pytest.raises(UsageError, match="'eve' does not fit the type of id"):
        store.add(Records(["eve"], faces.features[:1], [None]))
    with pytest.raises(UsageError, match="features of 3 values, but 8"):
        store.add(Records(["99"], faces.features[:1, :3], [None]))
    with pytest.raises(UsageError, match=r"1 row \(99\) are all zero"):
        store.add(Records(["99"], 0 * faces.features[:1], [None]))
    faces.run("ALTER TABLE {t} ALTER name SET NOT NULL")
    with pytest.raises(UsageError, match="the column name must be filled too"):
        store.add(Records(["99"], faces.features[:1], [None]))


def test_names_of_any_type_name_rows(faces_of: Callable[..., Faces]) -> None:
    faces = faces_of(4)
    faces.run("ALTER TABLE {t} ADD COLUMN key uuid UNIQUE NOT NULL DEFAULT gen_random_uuid()")
    store = open_table(address(faces.url), faces.table, "embedding", "key")
    with store.connection:
        (batch,) = store.batches(10)
        assert list(batch.ids) == [str(k) for (k,) in faces.run("SELECT key FROM {t} ORDER BY key")]
        np.testing.assert_array_equal(store.find(batch.ids).features, batch.features)
