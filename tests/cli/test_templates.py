"""`anamorph templates enroll | verify | identify`, as a user types them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Anamorph = Any
Faces = Any


@pytest.fixture
def key(tmp_path: Path, anamorph: Anamorph) -> Path:
    path = tmp_path / "store.amkey"
    anamorph("key", "new", path, "--kind", "rotation")
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.npz"
    features = np.random.default_rng(5).normal(size=(6, 8)).astype(np.float32)
    np.savez(path, features=features, ids=np.arange(100, 106))
    return path


@pytest.fixture(params=["file", "database"])
def store(
    request: pytest.FixtureRequest, people: Path, key: Path, anamorph: Anamorph
) -> tuple[str, ...]:
    """The options that name a keyed store of six people."""
    where: tuple[str, ...]
    if request.param == "file":
        keyed = people.with_name("keyed.npz")
        anamorph("shield", people, "--out", keyed, "--method", "keyed", "--key", key)
        return ("--store", str(keyed), "--key", str(key))
    faces = request.getfixturevalue("faces")
    faces.run("DELETE FROM {t}")
    where = ("--store", faces.url, "--table", faces.table, "--column", "embedding", "--id", "id")
    where = (*where, "--key", str(key))
    ended = anamorph("templates", "enroll", people, *where, "--json", "-")
    assert json.loads(ended.out)["enrolled"] == [str(i) for i in range(100, 106)]
    assert "6 enrolled in" in ended.err
    return where


def test_people_are_identified(store: tuple[str, ...], people: Path, anamorph: Anamorph) -> None:
    ended = anamorph("templates", "identify", people, *store, "--top", 2, "--json", "-")
    assert ended.code == 0
    found = json.loads(ended.out)["probes"]
    assert [one["matches"][0]["id"] for one in found] == [str(i) for i in range(100, 106)]
    assert all(len(one["matches"]) == 2 for one in found)
    ended = anamorph("templates", "identify", people, *store[:-2])
    assert ended.code == 2
    assert "give it with --key" in ended.err


def test_a_refused_claim_is_told_by_the_exit_status(
    store: tuple[str, ...], people: Path, tmp_path: Path, anamorph: Anamorph
) -> None:
    verify = ("templates", "verify", people, *store, "--threshold", 0.9, "--json", "-")
    ended = anamorph(*verify)
    assert ended.code == 0
    assert all(one["accepted"] for one in json.loads(ended.out)["probes"])
    one = tmp_path / "one.npy"
    with np.load(people) as arrays:
        np.save(one, arrays["features"][:1])
    verify = ("templates", "verify", one, *store, "--threshold", 0.9, "--claim")
    assert anamorph(*verify, "100").code == 0
    ended = anamorph(*verify, "101")
    assert ended.code == 1
    assert "refused" in ended.out
    assert anamorph(*verify, "999").code == 2


def test_maps_are_read_by_the_recognizer_and_enrolled_shielded(
    photos: Path, card: Any, tmp_path: Path, anamorph: Anamorph
) -> None:
    made = tmp_path / "made.npz"
    shield = ("shield", "--recognizer", card(), "--method", "decoy", "--steps", 60, "--epsilon", 9)
    anamorph(*shield, photos / "chelsea.png", photos / "coffee.png", "--out", made)
    identify = ("templates", "identify", photos / "coffee.png", "--store", made)
    ended = anamorph(*identify, "--recognizer", card(), "--json", "-")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["probes"][0]["matches"][0]["id"] == "coffee"
    ended = anamorph(*identify)
    assert ended.code == 2
    assert "name it with --recognizer" in ended.err
    astronaut = photos / "astronaut.jpg"
    ended = anamorph("templates", "enroll", astronaut, "--store", made, "--recognizer", card())
    assert "which photos become with `anamorph shield PHOTOS`" in ended.err
    anamorph(*shield, astronaut, "--out", tmp_path / "new.npz")
    ended = anamorph("templates", "enroll", tmp_path / "new.npz", "--store", made)
    assert ended.code == 0, ended.err
    ended = anamorph("templates", "verify", astronaut, "--store", made, "--recognizer", card(),
                     "--threshold", 0.8)  # fmt: skip
    assert ended.code == 0, ended.out


def test_a_folder_of_photos_is_enrolled_and_found_by_its_names(
    photos: Path, card: Any, key: Path, tmp_path: Path, anamorph: Anamorph
) -> None:
    embeds, made = card().with_name("embeds.toml"), tmp_path / "made.npz"
    embeds.write_text(card().read_text().replace("labels =", 'task = "embed"\nlabels ='))
    reads = ("--recognizer", embeds)
    keyed = ("--method", "keyed", "--key", key)
    ended = anamorph("shield", photos / "chelsea.png", *reads, *keyed, "--out", made)
    assert ended.code == 0, ended.err
    store = ("--store", made, "--key", key, *reads, "--json", "-")
    (photos / "chelsea.png").unlink()
    ended = anamorph("templates", "enroll", photos, *store)
    assert ended.code == 0, ended.err
    names = ["astronaut", "coffee", "more/cup", "rocket"]
    assert sorted(json.loads(ended.out)["enrolled"]) == names
    ended = anamorph("templates", "identify", photos, *store)
    found = {p["probe"]: p["matches"][0]["id"] for p in json.loads(ended.out)["probes"]}
    assert found == {name: name for name in names}
    ended = anamorph("templates", "enroll", photos / "lost.png", *store)
    assert ended.code == 2
    assert "lost.png: no such file or folder" in ended.err


def test_nobody_is_enrolled_twice(store: tuple[str, ...], people: Path, anamorph: Anamorph) -> None:
    ended = anamorph("templates", "enroll", people, *store)
    assert ended.code == 2
    assert "already" in ended.err


def test_a_key_that_a_store_of_maps_does_not_need_does_no_harm(
    photos: Path, card: Any, key: Path, tmp_path: Path, anamorph: Anamorph
) -> None:
    made, reads = tmp_path / "made.npz", ("--recognizer", card())
    anamorph("shield", photos, *reads, "--method", "decoy", "--out", made)
    ask = (photos / "coffee.png", "--store", made, *reads, "--json", "-")
    plain = anamorph("templates", "identify", *ask)
    ended = anamorph("templates", "identify", *ask, "--key", key)
    assert (ended.code, ended.out) == (0, plain.out), ended.err
