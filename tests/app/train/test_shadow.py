"""From pictures to a decoder's file; stopped, gone on with, and refused."""

from pathlib import Path

import numpy as np
import pytest

from anamorph.app.train import saving
from anamorph.app.train.shadow import read_decoder, read_records, train_shadow
from anamorph.app.train.shadow_training import ShadowTraining
from anamorph.errors import Cancelled, FileError, ModelError, NotWritten, UsageError, WeightsError
from anamorph.models import Model

QUICK = ShadowTraining(kind="linear", updates=6, batch=2)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SAVED_EVERY", 2)
    monkeypatch.setattr("anamorph.app.train.shadow.HELD_OUT", 5)


class Stop:
    """Cancels at the given update."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cancelled


def test_pictures_make_a_decoder_of_the_recognizers_maps(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    out, expected = tmp_path / "a.safetensors", list[int]()
    report = train_shadow([photos], embedder, out, parameters=QUICK, found=expected.append)
    decoder = read_decoder(out)
    assert decoder.design.feature == (6, 8, 8)
    assert decoder.design.picture == (16, 16)
    assert (report.pictures, report.tested, report.skipped, expected) == (4, 1, [], [6])
    assert report.layer == "early"
    assert report.ssim is not None
    assert -1 <= report.ssim <= 1
    assert not list(tmp_path.glob("*.training"))


def test_nothing_is_said_of_pictures_that_it_learned_from(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    two = [photos / "astronaut.jpg", photos / "chelsea.png"]
    report = train_shadow(two, embedder, tmp_path / "a.safetensors", parameters=QUICK)
    assert (report.pictures, report.tested, report.ssim) == (2, 0, None)


def test_embeddings_are_decoded_where_it_is_asked_for(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    p = ShadowTraining(kind="ridge")
    out = tmp_path / "a.safetensors"
    report = train_shadow([photos], embedder, out, parameters=p, embeddings=True)
    assert read_decoder(out).design.feature == (8,)
    assert report.layer == ""


def test_a_training_that_was_stopped_goes_on_to_the_same_end(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train_shadow([photos], embedder, whole, parameters=QUICK)
    with pytest.raises(Cancelled):
        train_shadow([photos], embedder, stopped, parameters=QUICK, watch=Stop(5))
    assert not stopped.exists()
    with pytest.raises(UsageError, match="add --resume"):
        train_shadow([photos], embedder, stopped, parameters=QUICK)
    counted = list[int]()
    train_shadow([photos], embedder, stopped, parameters=QUICK, resume=True, found=counted.append)
    assert counted == [2]
    assert stopped.read_bytes() == whole.read_bytes()


def test_an_attacker_adapts_to_records_and_learns_on(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    records = tmp_path / "records.npy"
    np.save(records, np.random.default_rng(0).random((5, 6, 8, 8), np.float32))
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    train_shadow([photos], embedder, first, parameters=QUICK)
    report = train_shadow(
        [photos],
        embedder,
        second,
        parameters=ShadowTraining(kind="unet", updates=2, batch=2),
        records=read_records(records),
        start=read_decoder(first),
    )
    assert report.kind == "linear"
    assert second.read_bytes() != first.read_bytes()
    with pytest.raises(UsageError, match="3 records and 5 pictures"):
        train_shadow([photos], embedder, tmp_path / "c", records=read_records(records)[:3])


def test_nothing_is_overwritten_and_the_place_must_be_there(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"mine")
    with pytest.raises(NotWritten, match="is not overwritten"):
        train_shadow([photos], embedder, taken)
    assert taken.read_bytes() == b"mine"
    with pytest.raises(NotWritten, match="folder does not exist"):
        train_shadow([photos], embedder, tmp_path / "no" / "a")


def test_an_unreadable_picture_is_skipped_and_named(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    (photos / "broken.png").write_bytes(b"not a picture")
    report = train_shadow([photos], embedder, tmp_path / "a", parameters=QUICK)
    assert len(report.skipped) == 1
    assert "broken.png" in report.skipped[0]


def test_a_kind_for_other_features_or_an_unknown_layer_is_refused(
    photos: Path, tmp_path: Path, embedder: Model
) -> None:
    with pytest.raises(UsageError, match="cannot be 'mlp'"):
        train_shadow([photos], embedder, tmp_path / "a", parameters=ShadowTraining(kind="mlp"))
    with pytest.raises(ModelError, match="nearest: early"):
        train_shadow([photos], embedder, tmp_path / "a", layer="earli")


def test_other_files_are_no_decoders(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_decoder(tmp_path / "none")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(WeightsError, match="holds no weights"):
        read_decoder(tmp_path / "text")
