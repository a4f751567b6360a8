"""Hidden pictures come back, or it is said what happened to them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image

from anamorph.app.hide.hide import hide
from anamorph.app.hide.records import RevealRecord, RevealReport
from anamorph.app.hide.reveal import reveal
from anamorph.errors import BadKey, UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.sealed import Sealed
from anamorph.models import Model

Tree = Callable[[Path], dict[str, tuple[bytes, int]]]


def _image(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image.copy()


@pytest.fixture(scope="module")
def key() -> Key:
    return keys.new("sealed")


@pytest.fixture
def hidden(toy: Model, photos: Path, tmp_path: Path, key: Key) -> Path:
    """The five photos, hidden."""
    assert hide([photos], tmp_path / "hidden", toy, key, parameters=Sealed(steps=20)).ok
    return tmp_path / "hidden"


def _bytes(files: dict[str, tuple[bytes, int]]) -> dict[str, bytes]:
    return {name: data for name, (data, _) in files.items()}


def _reason(report: RevealReport, name: str) -> str:
    (record,) = (r for r in report.images if Path(r.source).name == name)
    assert record.status == "failed"
    assert record.output is None
    return record.reason


def test_the_originals_come_back_bit_for_bit_under_their_names_and_in_their_tree(
    hidden: Path, photos: Path, tmp_path: Path, key: Key, tree: Tree
) -> None:
    report = reveal([hidden], tmp_path / "back", key)
    assert report.ok
    assert report.summary["revealed"] == report.summary["exact"] == 5
    assert _bytes(tree(tmp_path / "back")) == _bytes(tree(photos))


def test_a_single_file_comes_back_from_a_lossless_copy_under_any_name(
    hidden: Path, photos: Path, tmp_path: Path, key: Key
) -> None:
    _image(hidden / "more" / "cup.png").save(tmp_path / "other.webp", lossless=True)
    assert reveal([tmp_path / "other.webp"], tmp_path / "back", key).ok
    assert (tmp_path / "back/more/cup.png").read_bytes() == (photos / "more/cup.png").read_bytes()


def test_a_second_time_nothing_is_written_and_nothing_is_ever_overwritten(
    hidden: Path, tmp_path: Path, key: Key, tree: Tree
) -> None:
    reveal([hidden], tmp_path / "back", key)
    (tmp_path / "back" / "rocket.png").write_bytes(b"mine")
    before = tree(tmp_path / "back")
    report = reveal([hidden], tmp_path / "back", key)
    assert tree(tmp_path / "back") == before
    assert report.summary["skipped"] == 4
    assert "exists" in _reason(report, "rocket.png")


def test_another_key_is_refused_and_named(hidden: Path, tmp_path: Path, key: Key) -> None:
    other = keys.new("sealed")
    report = reveal([hidden], tmp_path / "back", other)
    assert report.summary["failed"] == 5
    for record in report.images:
        assert key.fingerprint in record.reason
        assert other.fingerprint in record.reason
    permuted = reveal([hidden], tmp_path / "back", keys.new("permuted"))
    assert all("this is the permuted key" in record.reason for record in permuted.images)
    assert not (tmp_path / "back").exists()


Damage = Callable[[Path], object]


def _jpeg(path: Path) -> None:
    _image(path).save(path.with_suffix(".jpg"), quality=85, subsampling=0)
    path.unlink()


def _without_comment(path: Path) -> None:
    Image.fromarray(np.asarray(_image(path))).save(path)


def _crop(path: Path, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    width, height = _image(path).size
    _image(path).crop((left, top, width - right, height - bottom)).save(path)


def _edit(path: Path, at: int) -> None:
    pixels = np.array(_image(path))
    pixels.reshape(-1)[at] ^= 1
    Image.fromarray(pixels).save(path)


def _brighten(path: Path) -> None:
    pixels = np.asarray(_image(path)).astype(int)
    Image.fromarray((pixels * 0.9 + 20).astype(np.uint8)).save(path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_jpeg, "it was recompressed as JPEG"),
        (lambda path: _image(path).resize((50, 50)).save(path), "resized or cropped"),
        (lambda path: _crop(path, (2, 3, 0, 0)), "resized or cropped"),
        (lambda path: _crop(path, (0, 0, 0, 2)), "it was cropped"),
        (lambda path: _crop(path, (0, 0, 2, 0)), "its header is damaged"),
        (lambda path: _edit(path, 700), "its seal is broken"),
        (lambda path: _edit(path, 300), "its header is damaged"),
        (_brighten, "its values were changed"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "damaged picture"),
    ],
)
def test_what_was_done_to_a_file_is_said_and_the_others_come_back(
    hidden: Path, tmp_path: Path, key: Key, damage: Damage, said: str
) -> None:
    damage(hidden / "rocket.png")
    report = reveal([hidden], tmp_path / "back", key)
    (failed,) = (record for record in report.images if record.status == "failed")
    assert said in failed.reason
    assert report.summary["exact"] == 4


def test_losing_comment_and_manifest_does_not_matter(
    hidden: Path, tmp_path: Path, key: Key
) -> None:
    _without_comment(hidden / "rocket.png")
    (hidden / "manifest.jsonl").unlink()
    assert reveal([hidden], tmp_path / "back", key).ok


def test_a_photo_that_was_never_hidden_is_told_from_one_that_was(
    hidden: Path, photos: Path, tmp_path: Path, key: Key
) -> None:
    (hidden / "manifest.jsonl").unlink()
    (record,) = reveal([photos / "chelsea.png"], tmp_path / "back", key).images
    assert "is no hidden picture, or was recompressed" in record.reason


def test_pixels_changed_behind_a_manifest_are_known_by_their_place(
    hidden: Path, tmp_path: Path, key: Key
) -> None:
    copytree(hidden, tmp_path / "copy")
    _brighten(tmp_path / "copy" / "more" / "cup.png")
    report = reveal([tmp_path / "copy"], tmp_path / "back", key)
    assert "its values were changed" in _reason(report, "cup.png")


def test_a_service_model_reads_hidden_and_revealed_alike_and_another_claims_nothing(
    hidden: Path, tmp_path: Path, key: Key, toy: Model, embedder: Model
) -> None:
    report = reveal([hidden], tmp_path / "back", key, service=toy)
    assert all(record.kept for record in report.images)
    other = reveal([hidden], tmp_path / "again", key, service=embedder)
    assert other.ok
    for record in other.images:
        assert (record.kept, record.cosine) == (None, None)
        assert "hidden for another model" in record.reason


def test_keys_that_reveal_nothing_and_folders_without_pictures_are_refused(
    hidden: Path, tmp_path: Path, key: Key
) -> None:
    with pytest.raises(BadKey, match="rotation key"):
        reveal([hidden], tmp_path / "back", keys.new("rotation"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures"):
        reveal([tmp_path / "empty"], tmp_path / "back", key)


def test_the_number_of_pictures_and_each_record_are_told(
    hidden: Path, tmp_path: Path, key: Key
) -> None:
    found: list[int] = []
    done: list[RevealRecord] = []
    sources = [hidden, tmp_path / "missing.png"]
    report = reveal(sources, tmp_path / "back", key, found=found.append, done=done.append)
    assert found == [6]
    assert sorted(done, key=lambda record: record.source) == list(report.images)
    assert "no such file" in _reason(report, "missing.png")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_a_folder_that_may_not_be_written_to_fails_every_picture(
    hidden: Path, read_only: Path, key: Key
) -> None:
    if os.access(read_only, os.W_OK):
        pytest.skip("this user may write everywhere")
    report = reveal([hidden], read_only, key)
    assert report.summary["failed"] == 5
    assert "choose an --out you may write to" in report.images[0].reason
