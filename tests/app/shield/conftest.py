"""A live table in PostgreSQL that is moved behind a shield."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from anamorph.app.shield.keyed import keyed
from anamorph.app.shield.stores import Place, table_store
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.templates.address import address
from anamorph.templates.postgres.store import PostgresStore
from anamorph.templates.role import Features, Records, mark

Faces = Any

both_ways = pytest.mark.parametrize("in_place", [False, True], ids=["swap", "in place"])


@pytest.fixture
def key() -> Key:
    return keys.new("rotation")


@pytest.fixture
def place(faces: Faces) -> Place:
    return Place(where=address(faces.url), table=faces.table, column="embedding", id="id")


@pytest.fixture
def store(place: Place) -> Iterator[PostgresStore]:
    with table_store(place) as store:
        yield store


def probe(feature: Features) -> Records:
    return Records(["probe"], feature[None], [None])


def columns(faces: Faces) -> list[str]:
    rows = faces.run(
        "SELECT attname FROM pg_attribute WHERE attrelid = '{t}'::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY 1"
    )
    return [row[0] for row in rows]


def check_done(faces: Faces, key: Key, plain: dict[int, Any]) -> None:
    """Every row is there once, shielded, marked, and under its own name."""
    stored = faces.stored()
    assert stored.keys() == plain.keys()
    shielding = keyed(key)
    for row, feature in plain.items():
        if feature is None:
            assert stored[row] is None
        else:
            np.testing.assert_allclose(stored[row], shielding(feature[None])[0], atol=1e-6)
    marks = dict(faces.run("SELECT id, embedding_shield FROM {t} WHERE embedding IS NOT NULL"))
    assert set(marks.values()) <= {mark(shielding)}
    assert columns(faces) == ["embedding", "embedding_shield", "id", "name"]
    names = dict(faces.run("SELECT id, name FROM {t}"))
    assert all(name in (f"person {row}", "new") for row, name in names.items())
    assert not faces.run("SELECT 1 FROM pg_trigger WHERE tgrelid = '{t}'::regclass")
    assert not faces.run(
        "SELECT 1 FROM pg_proc WHERE proname ^@ ('anamorph_shield_' || '{t}'::regclass::oid)"
    )
