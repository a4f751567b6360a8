"""Runs that stop go on where they stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anamorph.app.protect.protecting import Writing
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.errors import Cancelled, UsageError
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model
from anamorph.optimize.engine import Progress

Protect = Callable[..., ProtectReport]
Decode = Callable[[Path], NDArray[np.int64]]
Tree = Callable[[Path], dict[str, tuple[bytes, int]]]
ByName = Callable[[ProtectReport], dict[str, PictureRecord]]


def _never(progress: Progress) -> None:
    raise AssertionError("a step was taken")


def test_what_is_done_is_skipped_without_a_step(
    run: Protect, photos: Path, tmp_path: Path, tree: Tree
) -> None:
    first = run(photos, tmp_path / "out")
    before = tree(tmp_path / "out")
    again = run(photos, tmp_path / "out", resume=True, watch=_never)
    assert again.summary["skipped"] == 5
    assert again.summary["authorized_kept"] == first.summary["authorized_kept"]
    assert [r.output_sha256 for r in again.images] == [r.output_sha256 for r in first.images]
    assert tree(tmp_path / "out") == before


def test_resuming_where_nothing_began_begins(run: Protect, photos: Path, tmp_path: Path) -> None:
    assert run(photos, tmp_path / "out", resume=True).summary["protected"] == 5


def test_new_pictures_join_a_run(
    run: Protect, photos: Path, tmp_path: Path, crop: Callable[..., NDArray[np.uint8]]
) -> None:
    run(photos, tmp_path / "out")
    Image.fromarray(crop("rocket")).save(photos / "new.png")
    report = run(photos, tmp_path / "out", resume=True)
    assert (report.summary["skipped"], report.summary["protected"]) == (5, 1)


@pytest.mark.parametrize("harm", ["deleted", "changed", "cut short"])
def test_a_result_that_is_not_whole_is_done_again(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName, harm: str
) -> None:
    run(photos, tmp_path / "out")
    result = tmp_path / "out" / "chelsea.png"
    good = result.read_bytes()
    if harm == "deleted":
        result.unlink()
    else:
        result.write_bytes(good[:100] if harm == "cut short" else good + b"more")
    report = run(photos, tmp_path / "out", resume=True)
    assert by_name(report)["chelsea.png"].status == "protected"
    assert (report.summary["skipped"], report.summary["protected"]) == (4, 1)
    assert result.read_bytes() == good
    assert run(photos, tmp_path / "out", resume=True).summary["skipped"] == 5


def test_a_source_that_changed_is_done_again(
    run: Protect,
    photos: Path,
    tmp_path: Path,
    pixels: Decode,
    crop: Callable[..., NDArray[np.uint8]],
) -> None:
    run(photos, tmp_path / "out")
    Image.fromarray(crop("rocket")).save(photos / "chelsea.png")
    report = run(photos, tmp_path / "out", resume=True)
    assert (report.summary["skipped"], report.summary["protected"]) == (4, 1)
    change = pixels(tmp_path / "out" / "chelsea.png") - pixels(photos / "chelsea.png")
    assert np.abs(change).max() <= 16
    assert run(photos, tmp_path / "out", resume=True).summary["skipped"] == 5


def test_a_label_that_was_corrected_is_obeyed(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName
) -> None:
    names = ["astronaut.jpg", "chelsea.png", "coffee.png", "rocket.png", "cup.png"]
    labels = dict.fromkeys(names, 0)
    run(photos, tmp_path / "out", labels=labels)
    records = by_name(run(photos, tmp_path / "out", labels=labels | {"cup.png": 2}, resume=True))
    assert (records["cup.png"].status, records["cup.png"].label) == ("protected", 2)
    assert {records[name].status for name in names[:4]} == {"skipped"}


def test_a_picture_that_failed_is_tried_again(
    run: Protect, photos: Path, tmp_path: Path, by_name: ByName
) -> None:
    good = (photos / "chelsea.png").read_bytes()
    (photos / "chelsea.png").write_bytes(b"broken")
    assert run(photos, tmp_path / "out").summary["failed"] == 1
    (photos / "chelsea.png").write_bytes(good)
    report = run(photos, tmp_path / "out", resume=True)
    assert by_name(report)["chelsea.png"].status == "protected"
    assert report.ok


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"parameters": FMD(steps=5)}, "steps was 4, now 5"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"writing": Writing(format="webp")}, "format"),
    ],
)
def test_a_run_with_other_settings_is_refused(
    run: Protect, photos: Path, tmp_path: Path, tree: Tree, change: dict[str, Any], name: str
) -> None:
    run(photos, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(UsageError, match=name):
        run(photos, tmp_path / "out", resume=True, **change)
    assert tree(tmp_path / "out") == before


def test_a_run_with_another_model_is_refused(
    run: Protect, photos: Path, tmp_path: Path, toy: Model
) -> None:
    run(photos, tmp_path / "out")
    with pytest.raises(UsageError, match="sha256"):
        run(photos, tmp_path / "out", toy.with_taps("pool"), resume=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("stop")], ids=repr)
@pytest.mark.parametrize("at", [1, 6, 11])
def test_a_run_that_is_stopped_goes_on_without_doing_anything_twice(
    run: Protect, photos: Path, tmp_path: Path, tree: Tree, error: BaseException, at: int
) -> None:
    expected = run(photos, tmp_path / "expected")
    steps = iter(range(1_000))

    def stop(progress: Progress) -> None:
        if next(steps) == at:
            raise error

    with pytest.raises(type(error)):
        run(photos, tmp_path / "out", watch=stop)
    done = {name: file for name, file in tree(tmp_path / "out").items() if name.endswith("png")}
    report = run(photos, tmp_path / "out", resume=True)
    assert report.ok
    assert report.summary["skipped"] == len(done)
    assert report.summary["skipped"] + report.summary["protected"] == 5
    after = tree(tmp_path / "out")
    assert all(after[name] == file for name, file in done.items())
    digests = [record.output_sha256 for record in report.images]
    assert digests == [record.output_sha256 for record in expected.images]


def test_whoever_is_told_of_a_picture_can_stop_the_run(
    run: Protect, photos: Path, tmp_path: Path
) -> None:
    def stop(record: PictureRecord) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(photos, tmp_path / "out", done=stop)
    report = run(photos, tmp_path / "out", resume=True)
    assert report.ok
    assert report.summary["skipped"] >= 1


def test_the_same_folder_is_known_by_another_spelling(
    run: Protect, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(photos, tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    report = run(Path("photos"), Path("out"), resume=True, watch=_never)
    assert report.summary["skipped"] == 5
