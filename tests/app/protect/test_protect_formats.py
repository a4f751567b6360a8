"""Every kind of picture comes out whole, and changed by no more than the budget."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anamorph.app.protect.protecting import Writing
from anamorph.app.records import ProtectReport
from anamorph.files.photo import Limits, read

Protect = Callable[..., ProtectReport]
Crop = Callable[..., NDArray[np.uint8]]
Save = Callable[[Path, NDArray[np.uint8]], object]


def _grey_16(path: Path, crop: NDArray[np.uint8]) -> None:
    Image.fromarray(crop[:, :, 0].astype(np.uint16) * 256 + 77).save(path)


def _clear(path: Path, crop: NDArray[np.uint8]) -> None:
    Image.fromarray(np.dstack([crop, crop[:, :, 0]])).save(path)


KINDS: dict[str, tuple[str, Save]] = {
    "color": ("a.png", lambda path, crop: Image.fromarray(crop).save(path)),
    "jpeg": ("a.jpg", lambda path, crop: Image.fromarray(crop).save(path)),
    "grey": ("a.png", lambda path, crop: Image.fromarray(crop).convert("L").save(path)),
    "grey jpeg": ("a.jpg", lambda path, crop: Image.fromarray(crop).convert("L").save(path)),
    "alpha": ("a.png", _clear),
    "grey alpha": ("a.png", lambda path, crop: Image.fromarray(crop[:, :, :2]).save(path)),
    "16-bit grey": ("a.png", _grey_16),
    "palette": ("a.png", lambda path, crop: Image.fromarray(crop).quantize(32).save(path)),
    "CMYK": ("a.jpg", lambda path, crop: Image.fromarray(crop).convert("CMYK").save(path)),
    "bitmap": ("a.bmp", lambda path, crop: Image.fromarray(crop).save(path)),
    "1x1": ("a.png", lambda path, crop: Image.fromarray(crop[:1, :1]).save(path)),
    "2x1": ("a.png", lambda path, crop: Image.fromarray(crop[:2, :1]).save(path)),
    "odd": ("a.png", lambda path, crop: Image.fromarray(crop[:17, :13]).save(path)),
    "long": ("a.png", lambda path, crop: Image.fromarray(crop[:2]).save(path)),
}


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path, crop: Crop) -> Path:
    name, save = KINDS[request.param]
    path = tmp_path / name
    save(path, crop("chelsea"))
    return path


@pytest.mark.parametrize("format", ["png", "webp", "keep"])
def test_what_is_written_holds_the_picture_within_the_budget(
    run: Protect, source: Path, tmp_path: Path, format: Any
) -> None:
    before = read(source)
    if before.depth == 16 and format == "webp":
        pytest.skip("WebP has no 16 bits")
    report = run(source, tmp_path / "out", writing=Writing(format=format))
    (record,) = report.images
    assert record.status == "protected", record.reason
    after = read(Path(record.output or ""))
    assert after.format == (before.format if format == "keep" else format)
    assert after.pixels.dtype == before.pixels.dtype
    scale = np.iinfo(before.pixels.dtype).max / 255
    change = np.abs(after.pixels.astype(np.int64) - before.pixels).max() / scale
    assert change > 0
    assert record.linf == pytest.approx(change, abs=1e-3)
    if after.format != "jpeg":
        assert change <= 16
    if before.alpha is not None:
        assert after.alpha is not None
        assert np.array_equal(after.alpha, before.alpha)


def test_a_format_that_cannot_hold_a_picture_fails_that_picture_alone(
    run: Protect, photos: Path, tmp_path: Path, crop: Crop
) -> None:
    _grey_16(photos / "deep.png", crop("chelsea"))
    report = run(photos, tmp_path / "out", writing=Writing(format="webp"))
    (failed,) = (record for record in report.images if record.status == "failed")
    assert Path(failed.source).name == "deep.png"
    assert "--format png" in failed.reason
    assert report.summary["protected"] == 5


def test_what_people_see_under_transparency_is_protected_too(
    run: Protect, tmp_path: Path, crop: Crop
) -> None:
    clear = np.dstack([crop("coffee"), np.zeros((24, 32), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    (record,) = run(tmp_path / "clear.png", tmp_path / "out").images
    after = np.asarray(Image.open(record.output or ""))
    assert (after[:, :, 3] == 0).all()
    assert (after[:, :, :3] != clear[:, :, :3]).mean() > 0.5


def test_a_picture_lies_the_right_way_up(run: Protect, tmp_path: Path, crop: Crop) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(crop("astronaut")).save(tmp_path / "turned.png", exif=exif)
    (record,) = run(tmp_path / "turned.png", tmp_path / "out").images
    with Image.open(record.output or "") as upright:
        assert upright.size == (24, 32)


def test_metadata_goes_where_it_was_told_to_go(run: Protect, tmp_path: Path, crop: Crop) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    Image.fromarray(crop("astronaut")).save(tmp_path / "a.jpg", exif=exif)
    run(tmp_path / "a.jpg", tmp_path / "kept")
    run(tmp_path / "a.jpg", tmp_path / "bare", writing=Writing(metadata="strip"))
    with Image.open(tmp_path / "kept" / "a.png") as kept:
        assert kept.getexif()[0x010F] == "Camera"
    with Image.open(tmp_path / "bare" / "a.png") as bare:
        assert not bare.getexif()


@pytest.mark.parametrize("limits", [Limits(max_pixels=1500), Limits(max_bytes=1700)])
def test_pictures_beyond_the_limits_fail_and_the_others_do_not(
    run: Protect, tmp_path: Path, crop: Crop, limits: Limits
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(crop("rocket", 48, 64)).save(folder / "large.bmp")
    Image.fromarray(crop("coffee")).save(folder / "small.jpg", quality=75)
    report = run(folder, tmp_path / "out", limits=limits)
    assert [record.status for record in report.images] == ["failed", "protected"]
    assert "raise the limit" in report.images[0].reason


def test_the_limits_are_on_what_comes_in(run: Protect, tmp_path: Path, crop: Crop) -> None:
    small = tmp_path / "small.jpg"
    Image.fromarray(crop("coffee")).save(small, quality=30)
    most = small.stat().st_size
    (record,) = run(small, tmp_path / "out", limits=Limits(max_bytes=most)).images
    assert record.status == "protected"
    assert Path(record.output or "").stat().st_size > most  # lossless
