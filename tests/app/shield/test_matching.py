"""People are found in stores of maps by what the recognizer says of each map."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.matching import compared_by
from anamorph.app.shield.photos import shield_photos
from anamorph.app.shield.templates import identify
from anamorph.app.train.tail_training import Lessons, TailTraining, begin, dump_tail
from anamorph.errors import UsageError
from anamorph.methods.decoy import Decoy
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.files import FileStore, open_file


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch, embedder: Model) -> None:
    monkeypatch.setattr("anamorph.app.shield.matching.load", lambda _, device: embedder)


@pytest.fixture
def store(photos: Path, tmp_path: Path, embedder: Model) -> FileStore:
    """Decoys with the embeddings of the photos."""
    out = tmp_path / "decoys.npz"
    shield_photos([photos], out, disguising(embedder, parameters=Decoy(steps=60)), embedder)
    return open_file(out)


def test_decoys_are_found_by_the_photos_of_their_people(store: FileStore, photos: Path) -> None:
    files = [photos / "astronaut.jpg", photos / "chelsea.png"]
    people, probes = compared_by("own", None, None, store, files)
    assert people.shape == (8,)
    found = identify(probes, people, count=1)
    assert [one.matches[0].id for one in found] == ["astronaut", "chelsea"]
    assert min(one.matches[0].cosine for one in found) > 0.9


def test_maps_in_files_are_probes_too(store: FileStore, tmp_path: Path) -> None:
    (records,) = store.batches(9)
    maps = tmp_path / "maps.npy"
    np.save(maps, records.features)
    people, probes = compared_by("own", "early", None, store, [maps])
    found = identify(probes, people, count=1)
    assert [one.matches[0].id for one in found] == list(records.ids)
    np.save(maps, records.features[:, :3])
    with pytest.raises(UsageError, match="name the layer they were taken at"):
        compared_by("own", None, None, store, [maps])


def test_a_tail_reads_in_the_place_of_the_recognizers_own(
    store: FileStore, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    cut = split(embedder)
    z = cut.head(torch.full((1, 3, 16, 16), 0.5))
    lessons = Lessons(z, z)
    trained = begin(cut, lessons, TailTraining())
    for weight in trained.cut.model.network.parameters():
        weight.detach().mul_(1 if not weight.requires_grad else -1)
    file = tmp_path / "tail"
    file.write_bytes(dump_tail(trained))
    files = [photos / "astronaut.jpg"]
    own, _ = compared_by("own", None, None, store, files)
    other, probes = compared_by("own", None, file, store, files)
    (one,), (two,) = own.batches(9), other.batches(9)
    np.testing.assert_allclose(two.features, -one.features, atol=1e-5)
    assert identify(probes, other, count=1)[0].matches[0].id == "astronaut"
    with pytest.raises(UsageError, match="begins at early, not at pool"):
        compared_by("own", "pool", file, store, files)


def test_stores_that_cannot_be_compared_so_are_refused(
    store: FileStore, photos: Path, tmp_path: Path
) -> None:
    files = [photos / "astronaut.jpg"]
    with pytest.raises(UsageError, match="name it with --recognizer"):
        compared_by(None, None, None, store, files)
    with pytest.raises(UsageError, match="name the layer they were taken at"):
        compared_by("own", "pool", None, store, files)
    np.savez(tmp_path / "flat.npz", features=np.ones((2, 8), np.float32), ids=np.arange(2))
    with pytest.raises(UsageError, match="leave --layer and --tail out"):
        compared_by("own", "early", None, open_file(tmp_path / "flat.npz"), files)
