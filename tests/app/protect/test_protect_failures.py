"""A picture that goes wrong fails alone, leaves no file, and says why."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from anamorph.app.protect.protecting import Writing
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.errors import NotWritten
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model

Protect = Callable[..., ProtectReport]
Tree = Callable[[Path], dict[str, tuple[bytes, int]]]
ByName = Callable[[ProtectReport], dict[str, PictureRecord]]
ToyOf = Callable[..., Model]
Network = Callable[..., nn.Module]

STEPS = 4
UNKEEPABLE = FMD(steps=STEPS, least_cosine=1.0)


def test_a_reading_that_cannot_be_kept_fails_after_more_and_more_effort(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model, tree: Tree
) -> None:
    report = run(photos, tmp_path / "out", embedder, parameters=UNKEEPABLE)
    assert report.summary["failed"] == report.summary["images"] == 5
    assert report.summary["authorized_kept"] == 0.0
    for record in report.images:
        assert "did not keep its reading in 3 attempts" in record.reason
        assert (record.attempts, record.steps) == (3, 4 * STEPS)
        assert record.output is None
        assert record.output_sha256 is None
    assert set(tree(tmp_path / "out")) == {"manifest.jsonl"}


def test_the_number_of_attempts_can_be_chosen(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    source = photos / "chelsea.png"
    report = run(source, tmp_path / "out", embedder, parameters=UNKEEPABLE, attempts=1)
    assert report.images[0].attempts == 1


def test_a_reading_lost_in_compression_is_not_reported_as_kept(
    run: Protect, photos: Path, tmp_path: Path, embedder: Model
) -> None:
    how = {"parameters": FMD(steps=STEPS, least_cosine=0.98), "attempts": 1}
    source = photos / "astronaut.jpg"
    assert run(source, tmp_path / "png", embedder, **how).ok
    coarse = Writing(format="keep", quality=1)
    (record,) = run(source, tmp_path / "jpeg", embedder, writing=coarse, **how).images
    assert record.status == "failed"
    assert "lossless" in record.reason
    assert not (tmp_path / "jpeg" / "astronaut.jpg").exists()


class Choosy(nn.Module):
    """Reads like another network, but not pictures that are nearly white."""

    def __init__(self, network: nn.Module, answer: float | None) -> None:
        super().__init__()
        self.network = network
        self.answer = answer

    def forward(self, x: Tensor) -> Tensor:
        white = x.amin((1, 2, 3)) > 0.7
        logits: Tensor = self.network(x)
        if not white.any():
            return logits
        if self.answer is None:
            raise ValueError("too bright")
        return torch.where(white[:, None], self.answer, logits)


@pytest.mark.parametrize(("answer", "reason"), [(None, "too bright"), (torch.nan, "reading")])
def test_a_picture_the_model_cannot_read_fails_and_its_neighbors_do_not(
    run: Protect,
    photos: Path,
    tmp_path: Path,
    by_name: ByName,
    toy_of: ToyOf,
    network: Network,
    answer: float | None,
    reason: str,
) -> None:
    expected = by_name(run(photos, tmp_path / "expected"))
    Image.fromarray(np.full((24, 32, 3), 255, np.uint8)).save(photos / "b-white.png")
    model = toy_of(Choosy(network(), answer), tap=("network.early",))
    records = by_name(run(photos, tmp_path / "out", model))
    white = records.pop("b-white.png")
    assert white.status == "failed"
    assert reason in white.reason
    assert not (tmp_path / "out" / "b-white.png").exists()
    assert records.keys() == expected.keys()
    for name, record in records.items():
        assert record.status == "protected"
        assert record.output_sha256 == expected[name].output_sha256


BROKEN = {
    "empty": b"",
    "text": b"this is not a picture",
    "animation": b"GIF89a" + bytes(20),
    "headless": b"\x89PNG\r\n\x1a\n" + bytes(8),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_no_picture_fails_alone(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName, what: str
) -> None:
    (photos / "broken.png").write_bytes(BROKEN[what])
    report = run(photos, tmp_path / "out")
    assert report.summary["protected"] == 5
    assert str(photos / "broken.png") in by_name(report)["broken.png"].reason


def test_a_picture_cut_short_fails_alone(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName
) -> None:
    whole = (photos / "chelsea.png").read_bytes()
    (photos / "chelsea.png").write_bytes(whole[: len(whole) // 2])
    report = run(photos, tmp_path / "out")
    assert report.summary["protected"] == 4
    assert "chelsea.png" in by_name(report)["chelsea.png"].reason


def test_a_source_that_does_not_exist_fails_alone(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    report = run([photos, tmp_path / "missing.png"], tmp_path / "out")
    assert report.summary["protected"] == 5
    (failed,) = (record for record in report.images if record.status == "failed")
    assert "no such file" in failed.reason


@pytest.mark.parametrize("standing", ["file", "folder", "link"])
def test_what_stands_at_the_output_and_is_not_ours_is_never_touched(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName, standing: str
) -> None:
    place = tmp_path / "out" / "chelsea.png"
    place.parent.mkdir()
    if standing == "file":
        place.write_bytes(b"mine")
    elif standing == "folder":
        place.mkdir()
    else:
        (tmp_path / "elsewhere").write_bytes(b"mine")
        place.symlink_to(tmp_path / "elsewhere")
    original = (photos / "chelsea.png").read_bytes()
    for resume in (False, True):
        records = by_name(run(photos, tmp_path / "out", resume=resume))
        assert records["chelsea.png"].status == "failed"
        assert "did not write it" in records["chelsea.png"].reason
        assert records["chelsea.png"].steps == 0
        assert records["coffee.png"].status == ("skipped" if resume else "protected")
    assert (photos / "chelsea.png").read_bytes() == original
    if standing == "folder":
        assert not list(place.iterdir())
    else:
        assert place.read_bytes() == b"mine"
    assert place.is_symlink() == (standing == "link")


def test_a_file_that_appears_at_the_output_meanwhile_is_not_overwritten(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    place = tmp_path / "out" / "chelsea.png"
    source = photos / "chelsea.png"
    report = run(source, tmp_path / "out", watch=lambda _: place.write_bytes(b"mine"))
    assert report.images[0].status == "failed"
    again = run(source, tmp_path / "out", resume=True)
    assert again.images[0].status == "failed"
    assert place.read_bytes() == b"mine"


def test_an_output_folder_that_may_not_be_written_to_ends_the_run(
    run: Protect, photos: Path, tmp_path: Path, tree: Tree
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(out, os.W_OK):
        pytest.skip("this user may write everywhere")
    before = tree(photos)
    with pytest.raises(NotWritten, match="choose an --out you may write to"):
        run(photos, out)
    assert tree(photos) == before


def test_a_folder_that_cannot_be_made_fails_what_belongs_in_it(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "more").write_bytes(b"a file where a folder is needed")
    records = by_name(run(photos, out))
    assert records.pop("cup.png").status == "failed"
    assert {record.status for record in records.values()} == {"protected"}


def test_a_picture_that_changes_while_it_waits_is_protected_as_it_is_read(
    run: Protect, photos: Path, tmp_path: Path, crop: Callable[..., NDArray[np.uint8]]
) -> None:
    def swap(found: int) -> None:
        Image.fromarray(crop("astronaut", 30, 30)).save(photos / "chelsea.png")

    report = run(photos, tmp_path / "out", found=swap)
    assert report.ok
    with Image.open(tmp_path / "out" / "chelsea.png") as result:
        assert result.size == (30, 30)
