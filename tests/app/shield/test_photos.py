"""Pictures become a file of shielded features, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anamorph.app.shield import photos as shielded_photos
from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.keyed import keyed
from anamorph.app.shield.photos import shield_photos
from anamorph.errors import Cancelled, LayerNotFound, NotWritten, UsageError
from anamorph.keys.key import new
from anamorph.methods.decoy import Decoy
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.files import open_file
from anamorph.templates.role import Features, Shielding, mark


@pytest.fixture
def rotated() -> Shielding:
    return keyed(new("rotation"))


@pytest.fixture
def disguised(embedder: Model) -> Shielding:
    decoys = torch.randint(0, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    return disguising(embedder, decoys.to(torch.uint8), Decoy(steps=2))


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".parquet"])
def test_pictures_are_stored_as_shielded_embeddings(
    photos: Path, tmp_path: Path, embedder: Model, rotated: Shielding, suffix: str
) -> None:
    out, counted = tmp_path / f"out{suffix}", list[int]()
    report = shield_photos(
        [photos], out, rotated, embedder, embeddings=True, batch=2, watch=counted.append
    )
    store = open_file(out)
    assert (report.rows, report.mode, report.ok, sum(counted)) == (5, "pictures", True, 5)
    assert store.marks() == {mark(rotated): 5}
    assert store.shape == (8,)
    if suffix != ".npy":
        below = (p.relative_to(photos) for p in sorted(photos.rglob("*.*")))
        assert list(store.table.ids) == [p.with_suffix("").as_posix() for p in below]
    assert sorted(tmp_path.iterdir()) == sorted({photos, *tmp_path.glob("out*")})


def test_maps_of_pictures_are_what_the_recognizer_makes_of_them(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    class Same:
        name, version, digest = "same", 1, "x"

        def __call__(self, features: Features) -> Features:
            return features

    out = tmp_path / "out.npz"
    shield_photos([photos], out, Same(), embedder, batch=3)
    (records,) = open_file(out).batches(10)
    assert records.features.shape == (5, 6, 8, 8)
    reader = split(embedder).head
    for name, feature in zip(records.ids, records.features, strict=True):
        (source,) = photos.glob(f"{name}.*")
        np.testing.assert_array_equal(shielded_photos.feature_in(source, reader)[0], feature)


def test_a_bad_picture_is_skipped_and_named(
    photos: Path, tmp_path: Path, embedder: Model, disguised: Shielding
) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out.npz"
    report = shield_photos([photos, tmp_path / "none"], out, disguised, embedder)
    assert not report.ok
    assert ["broken.png" in said or "none" in said for said in report.skipped] == [True, True]
    assert report.rows == 5
    assert report.as_json()["skipped"] == report.skipped
    assert report.matching is not None
    assert (report.matching.records, report.matching.least_cosine) == (5, 0.9)
    with pytest.raises(UsageError, match=r"no picture can be read: .*broken\.png"):
        shield_photos([photos / "broken.png"], tmp_path / "b.npz", disguised, embedder)


def test_a_dry_run_and_a_stopped_one_leave_nothing(
    photos: Path, tmp_path: Path, embedder: Model, disguised: Shielding
) -> None:
    def stop(count: int) -> None:
        raise Cancelled

    out = tmp_path / "out.npz"
    report = shield_photos([photos], out, disguised, embedder, dry_run=True, batch=2)
    assert (report.state, report.rows) == ("planned", 5)
    with pytest.raises(Cancelled):
        shield_photos([photos], out, disguised, embedder, watch=stop)
    assert list(tmp_path.iterdir()) == [photos]


def test_what_cannot_be_stored_is_refused_before_the_work(
    photos: Path, tmp_path: Path, embedder: Model, toy: Model, rotated: Shielding
) -> None:
    def refused(out: str, model: Model = embedder, **how: bool | str | int) -> None:
        shield_photos([photos], tmp_path / out, rotated, model, **how)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="Parquet holds embeddings, no maps"):
        refused("out.parquet")
    with pytest.raises(UsageError, match="features are read from"):
        refused("out.csv")
    with pytest.raises(UsageError, match="--recognizer must embed"):
        refused("out.npz", toy, embeddings=True)
    with pytest.raises(NotWritten, match="folder does not exist"):
        refused("no/out.npz", embeddings=True)
    with pytest.raises(LayerNotFound):
        refused("out.npz", layer="nowhere")
    with pytest.raises(UsageError, match="a batch of 0 pictures"):
        refused("out.npz", batch=0)
    (tmp_path / "out.npz").write_bytes(b"mine")
    with pytest.raises(NotWritten, match="exists"):
        refused("out.npz", embeddings=True)


def test_two_pictures_of_one_name_are_not_mixed_up(
    photos: Path, tmp_path: Path, embedder: Model, rotated: Shielding
) -> None:
    other = tmp_path / "more"
    other.mkdir()
    first = min(photos.iterdir())
    (other / first.name).write_bytes(first.read_bytes())
    with pytest.raises(UsageError, match=f"would both be called '{first.stem}'"):
        shield_photos([photos, other], tmp_path / "a.npz", rotated, embedder, embeddings=True)
    report = shield_photos([tmp_path], tmp_path / "a.npz", rotated, embedder, embeddings=True)
    assert f"more/{first.stem}" in map(str, open_file(tmp_path / "a.npz").table.ids)
    assert report.rows == 6
