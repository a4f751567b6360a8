from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anamorph.app.shield.file import shield_file
from anamorph.app.shield.keyed import keyed
from anamorph.app.shield.probing import probes_in
from anamorph.app.shield.stores import Place, file_store, opened
from anamorph.app.shield.templates import enroll, identify, verify
from anamorph.errors import BadKey, MissingExtra, ParameterError, UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.models import Model
from anamorph.templates.address import address
from anamorph.templates.files import open_file
from anamorph.templates.role import Features, Records, Store, mark

Faces = Any


@pytest.fixture
def key() -> Key:
    return keys.new("rotation")


@pytest.fixture
def people() -> Features:
    return np.random.default_rng(5).normal(size=(12, 8)).astype(np.float32)


@pytest.fixture
def plain(tmp_path: Path, people: Features) -> Path:
    path = tmp_path / "people.npz"
    np.savez(path, features=people, ids=np.arange(100, 112))
    return path


@pytest.fixture(params=["file", "database"])
def store(
    request: pytest.FixtureRequest, plain: Path, key: Key, people: Features
) -> Iterator[Store]:
    """A keyed store of twelve people, 100 to 111."""
    if request.param == "file":
        out = plain.with_name("keyed.npz")
        shield_file(open_file(plain), out, keyed(key))
        yield open_file(out)
        return
    faces = request.getfixturevalue("faces")
    faces.run("DELETE FROM {t}")
    place = Place(where=address(faces.url), table=faces.table, column="embedding", id="id")
    with opened(place) as empty:
        enroll(probes_in([plain]), empty, key)
    with opened(place) as store:
        yield store


def again(store: Store) -> Store:
    """The store as the next command finds it."""
    return open_file(Path(store.name)) if store.name.endswith(".npz") else store.inspected()  # type: ignore[attr-defined]


def test_probes_find_their_people_by_the_key(store: Store, key: Key, plain: Path) -> None:
    found = identify(probes_in([plain]), store, key, count=2)
    assert [str(one.matches[0].id) for one in found] == [str(i) for i in range(100, 112)]
    assert all(one.matches[0].cosine > 1 - 1e-6 for one in found)
    assert all(len(one.matches) == 2 for one in found)
    assert found[0].as_json()["matches"][0] == {"id": "100", "cosine": 1.0}


def test_without_the_key_or_with_another_nobody_is_found(
    store: Store, key: Key, plain: Path
) -> None:
    probes = probes_in([plain])
    with pytest.raises(UsageError, match="rotated by a key; give it with --key"):
        identify(probes, store)
    with pytest.raises(UsageError, match="cannot be compared with: 12 with keyed/1:"):
        identify(probes, store, keys.new("rotation"))
    with pytest.raises(BadKey, match="is a sealed key"):
        identify(probes, store, keys.new("sealed"))
    with pytest.raises(UsageError, match="give it with --key"):
        verify(probes, probes.ids, store, threshold=0.5)


def test_claims_are_compared_with_their_own_rows(store: Store, key: Key, plain: Path) -> None:
    probes = probes_in([plain])
    assert all(one.accepted for one in verify(probes, probes.ids, store, key, threshold=0.99))
    claims = [*probes.ids[1:], probes.ids[0]]
    wrong = verify(probes, claims, store, key, threshold=0.99)
    assert not any(one.accepted for one in wrong)
    unit = probes.features / np.linalg.norm(probes.features, axis=1, keepdims=True)
    expected = (unit * np.roll(unit, -1, axis=0)).sum(1)
    np.testing.assert_allclose([one.cosine for one in wrong], expected, atol=1e-6)
    with pytest.raises(UsageError, match="12 probes and 1 claims"):
        verify(probes, ["100"], store, key, threshold=0.5)
    with pytest.raises(ParameterError, match="the threshold is 2"):
        verify(probes, claims, store, key, threshold=2)


def test_new_people_get_the_shield_of_the_store(store: Store, key: Key, people: Features) -> None:
    new = Records(["200"], people[:1] * 3 + 1, [None])
    for other in (None, keys.new("rotation")):
        with pytest.raises(UsageError, match="holds rows with keyed/1:"):
            enroll(new, store, other)
    report = enroll(new, store, key)
    assert report.as_json()["enrolled"] == ["200"]
    assert again(store).marks() == {mark(keyed(key)): 13}
    assert str(identify(new, again(store), key)[0].matches[0].id) == "200"
    with pytest.raises(UsageError, match="already"):
        enroll(new, again(store), key)


def test_shielded_features_are_enrolled_and_searched_as_they_are(
    store: Store, key: Key, people: Features
) -> None:
    shielding = keyed(key)
    shielded = Records(["200"], shielding(people[:1] + 1), [mark(shielding)])
    with pytest.raises(UsageError, match="shielded already; leave --key out"):
        enroll(shielded, store, key)
    enroll(shielded, store)
    assert str(identify(shielded, again(store))[0].matches[0].id) == "200"


def test_plain_stores_take_plain_features(plain: Path, people: Features) -> None:
    new = Records([200], people[:1] + 1, [None])
    enroll(new, open_file(plain))
    assert open_file(plain).marks() == {None: 13}
    with pytest.raises(ParameterError, match="the count is 0"):
        identify(new, open_file(plain), count=0)


def test_rows_that_other_methods_shield_are_compared_with_plain_probes(
    plain: Path, people: Features
) -> None:
    class Nudge:
        name, version, digest = "advface", 1, "x"

        def __call__(self, features: Features) -> Features:
            return features + np.float32(1e-3)

    out = plain.with_name("nudged.npz")
    shield_file(open_file(plain), out, Nudge())
    found = identify(probes_in([plain]), open_file(out), count=1)
    assert [one.matches[0].id for one in found] == list(range(100, 112))


def test_photos_are_read_by_a_recognizer(
    photos: Path, embedder: Model, toy: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"a recognizer": embedder, "a classifier": toy}
    monkeypatch.setattr("anamorph.models.load", lambda name, device: models[name])
    files = [photos / "astronaut.jpg", photos / "chelsea.png"]
    probes = probes_in(files, "a recognizer")
    assert list(probes.ids) == ["astronaut", "chelsea"]
    assert probes.features.shape == (2, 8)
    assert probes.features.dtype == np.float32
    with pytest.raises(UsageError, match="--recognizer must embed"):
        probes_in(files, "a classifier")
    with pytest.raises(UsageError, match="name the model that reads them with --recognizer"):
        probes_in(files)


def test_probes_of_several_files_are_put_together(plain: Path, people: Features) -> None:
    more = plain.with_name("more.npy")
    np.save(more, people[:2])
    assert len(probes_in([plain, more]).ids) == 14
    np.save(more, people[:2, :5])
    with pytest.raises(UsageError, match="features of several shapes"):
        probes_in([plain, more])


def test_places_that_are_not_what_is_needed_are_refused(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Place(where=address("postgresql://h/d"))
    with pytest.raises(UsageError, match="a database, but a file of features is needed"):
        file_store(database)
    with pytest.raises(UsageError, match="Name them with --table"), opened(database):
        pass
    monkeypatch.setitem(__import__("sys").modules, "anamorph.templates.postgres.store", None)
    whole = Place(where=database.where, table="t", column="c", id="i")
    with pytest.raises(MissingExtra, match=r"anamorph\[pg\]"), opened(whole):
        pass
