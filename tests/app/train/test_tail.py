"""From pictures to a tail's file; stopped, gone on with, and refused."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anamorph.app.train import saving, tail
from anamorph.app.train.shadow import read_decoder, train_shadow
from anamorph.app.train.shadow_training import ShadowTraining
from anamorph.app.train.tail import read_tail, train_tail
from anamorph.app.train.tail_training import TailTraining
from anamorph.errors import Cancelled, FileError, UsageError, WeightsError
from anamorph.models import Model
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import split

QUICK = TailTraining(updates=6, batch=2)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SAVED_EVERY", 2)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Ten people, two pictures of each."""
    folder = tmp_path / "faces"
    folder.mkdir()
    rng = np.random.default_rng(0)
    with (tmp_path / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("file", "label"))
        for person in range(10):
            own = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
            for number in range(2):
                noise = rng.integers(-9, 9, own.shape)
                name = f"{person}_{number}.png"
                Image.fromarray((own + noise).clip(0, 255).astype(np.uint8)).save(folder / name)
                table.writerow((name, person))
    return folder


@pytest.fixture
def shadow(faces: Path, tmp_path: Path, embedder: Model) -> Decoder:
    out = tmp_path / "shadow.safetensors"
    p = ShadowTraining(kind="linear", updates=4, batch=2)
    train_shadow([faces], embedder, out, parameters=p)
    return read_decoder(out)


def test_pictures_make_a_tail_and_the_figures_before_and_after(
    faces: Path, tmp_path: Path, embedder: Model, shadow: Decoder
) -> None:
    out, expected, counted = tmp_path / "tail.safetensors", list[int](), list[int]()
    p = TailTraining(updates=60, batch=8, rate=0.01)
    report = train_tail(
        [faces],
        embedder,
        [shadow],
        out,
        parameters=p,
        labels=tmp_path / "labels.csv",
        found=expected.append,
        watch=counted.append,
    )
    assert expected == [sum(counted)] == [20 + 60]
    assert (report.people, report.probes, report.pictures) == (2, 2, 16)
    assert report.clean.cosine > 0.999 > max(report.after.cosine, report.before.cosine)
    assert report.after != report.before  # how much is learned: test_tail_training.py
    assert report.clean.rank_one == 1
    assert set(report.after.tar) == {"0.01", "0.001"}
    assert report.as_json()["after"]["cosine"] == round(report.after.cosine, 5)
    cut = read_tail(out, embedder)
    assert cut.layer == "early"
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    own = split(embedder)
    assert torch.equal(cut.head(x), own.head(x))
    assert not torch.equal(cut.tail(cut.head(x)), own.tail(own.head(x)))
    assert not list(tmp_path.glob("*.training"))


def test_without_labels_mirrored_pictures_judge(
    faces: Path, tmp_path: Path, embedder: Model, shadow: Decoder
) -> None:
    (faces / "broken.png").write_bytes(b"no picture")
    report = train_tail([faces], embedder, [shadow], tmp_path / "t", parameters=QUICK)
    assert (report.people, report.probes, report.pictures) == (None, 4, 16)
    assert "broken.png" in report.skipped[0]


def test_a_training_that_was_stopped_goes_on_to_the_same_end(
    faces: Path, tmp_path: Path, embedder: Model, shadow: Decoder
) -> None:
    left = 20 + 5

    def stop(count: int) -> None:
        nonlocal left
        left -= count
        if left <= 0:
            raise Cancelled

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train_tail([faces], embedder, [shadow], whole, parameters=QUICK)
    with pytest.raises(Cancelled):
        train_tail([faces], embedder, [shadow], stopped, parameters=QUICK, watch=stop)
    assert not stopped.exists()
    with pytest.raises(UsageError, match="add --resume"):
        train_tail([faces], embedder, [shadow], stopped, parameters=QUICK)
    other = TailTraining(updates=6, batch=3)
    with pytest.raises(UsageError, match="with other pictures, shadows or parameters"):
        train_tail([faces], embedder, [shadow], stopped, parameters=other, resume=True)
    counted = list[int]()
    train_tail(
        [faces], embedder, [shadow], stopped, parameters=QUICK, resume=True, watch=counted.append
    )
    assert counted[-3:] == [4, 1, 1]
    assert stopped.read_bytes() == whole.read_bytes()


def test_what_cannot_teach_a_tail_is_refused(
    faces: Path, tmp_path: Path, embedder: Model, shadow: Decoder
) -> None:
    out = tmp_path / "t"
    with pytest.raises(UsageError, match="give shadows of the same layer"):
        train_tail([faces], embedder, [shadow], out, layer="pool")
    with pytest.raises(UsageError, match="2 pictures are too few"):
        train_tail([faces / "0_0.png", faces / "0_1.png"], embedder, [shadow], out)
    with pytest.raises(UsageError, match="no shadows"):
        train_tail([faces], embedder, [], out)
    labels = tmp_path / "few.csv"
    labels.write_text("file,label\n0_0.png,0\n")
    with pytest.raises(UsageError, match=r"has no label for .*0_1\.png"):
        train_tail([faces], embedder, [shadow], out, labels=labels)
    assert not out.exists()


def test_other_files_are_no_tails_of_this_recognizer(
    faces: Path, tmp_path: Path, embedder: Model, toy: Model, shadow: Decoder
) -> None:
    out = tmp_path / "tail"
    train_tail([faces], embedder, [shadow], out, parameters=QUICK)
    with pytest.raises(WeightsError, match="the tail of another recognizer than toy"):
        read_tail(out, toy)
    with pytest.raises(WeightsError, match="holds no tail"):
        read_tail(tmp_path / "shadow.safetensors", embedder)
    with pytest.raises(FileError, match="cannot be read"):
        read_tail(tmp_path / "none", embedder)
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(WeightsError, match="holds no weights"):
        read_tail(tmp_path / "text", embedder)
    assert tail.OFFLINE.epsilon == 0.8
