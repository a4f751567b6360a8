"""Permuted pictures: order comes back with the key and the nonce, and only then."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from anamorph.app.hide.construction import Original
from anamorph.app.hide.hide import hide
from anamorph.app.hide.permuting import Permuting, is_picture, restore
from anamorph.app.hide.reveal import reveal
from anamorph.app.images import as_images
from anamorph.files.notice import load
from anamorph.keys import key as keys
from anamorph.keys.derive import new_nonce
from anamorph.keys.key import Key
from anamorph.methods import levels
from anamorph.methods.permuted import Permuted
from anamorph.metrics.image import psnr
from anamorph.models import Model, wrap

SIDE = 48
Crop = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def key() -> Key:
    return keys.new("permuted")


@pytest.fixture(scope="module")
def model(network: Callable[..., nn.Module]) -> Model:
    half = (0.5, 0.5, 0.5)
    return wrap(network(8, 1), name="eyes", task="embed", size=(SIDE, SIDE), mean=half, std=half)


@pytest.fixture
def original(crop: Crop) -> Original:
    return Original("a.png", b"", as_images(crop("astronaut", SIDE, SIDE)))


@pytest.fixture
def permuting(key: Key) -> Permuting:
    return Permuting(key=key, parameters=Permuted(), height=SIDE, width=SIDE, model="0" * 32)


@pytest.mark.parametrize(("flatness", "off"), [(0.0, 0.0), (0.9, 4 / 255)])
def test_what_was_permuted_comes_back(
    permuting: Permuting, original: Original, flatness: float, off: float
) -> None:
    permuting = replace(permuting, parameters=Permuted(flatness=flatness))
    fit = permuting.fit(original.name, 0)
    prepared = permuting.prepare(original, fit)
    pixels = prepared.values.permute(1, 2, 0).contiguous().numpy()
    values = restore(pixels, permuting.key, prepared.nonce)
    curve = levels.flattening(original.shown, flatness)
    torch.testing.assert_close(
        levels.unbend(values, curve), original.shown, atol=off + 1e-6, rtol=0
    )
    moved = (pixels != as_levels(original)).mean()
    assert moved > 0.95
    for key, nonce in ((permuting.key, new_nonce()), (keys.new("permuted"), prepared.nonce)):
        assert not is_picture(restore(pixels, key, nonce))


def test_its_values_tell_little_of_the_photo(permuting: Permuting, original: Original) -> None:
    dark = original._replace(shown=original.shown**2)
    hidden = permuting.prepare(dark, permuting.fit(dark.name, 0)).values.float()
    assert (dark.shown < 0.25).double().mean() > 0.4
    counts = torch.histc(hidden, 8, 0, 255) / hidden.numel()
    assert counts.max() < 0.25


def as_levels(original: Original) -> NDArray[np.uint8]:
    return original.shown[0].permute(1, 2, 0).mul(255).round().numpy().astype(np.uint8)


def test_one_photo_is_never_permuted_the_same_way_twice(
    permuting: Permuting, original: Original
) -> None:
    fit = permuting.fit(original.name, 0)
    first, second = (permuting.prepare(original, fit) for _ in range(2))
    assert first.nonce != second.nonce
    assert (first.values == second.values).double().mean() < 0.1


def test_a_file_that_does_not_come_back_well_has_a_fault(
    permuting: Permuting, original: Original
) -> None:
    prepared = permuting.prepare(original, permuting.fit(original.name, 0))
    pixels = prepared.values.permute(1, 2, 0).contiguous().numpy()
    good = permuting.check(pixels, original, prepared)
    assert good.fault == ""
    assert good.psnr is not None
    assert good.psnr > 30
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    assert "dB only; hide it with a sealed key" in permuting.check(noise, original, prepared).fault


@pytest.fixture
def hidden(key: Key, model: Model, crop: Crop, tmp_path: Path) -> Path:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    Image.fromarray(crop("astronaut", SIDE, SIDE)).save(tmp_path / "photos" / "a.png")
    Image.fromarray(crop("coffee", 60, 90)).save(tmp_path / "photos" / "more" / "b.jpg")
    report = hide([tmp_path / "photos"], tmp_path / "hidden", model, key, parameters="full")
    assert report.ok, [record.reason for record in report.images]
    for record in report.images:
        assert record.revealed
        assert record.revealed_psnr is not None
        assert record.revealed_psnr > 25
        assert record.other_key_refused is None
        assert record.other_key_ssim is not None
    return tmp_path / "hidden"


def _quality(tmp_path: Path, original: Original) -> float:
    with Image.open(tmp_path / "back" / "a.png") as image:
        return psnr(original.shown, as_images(np.asarray(image))).item()


def test_a_folder_comes_back_nearly_the_same_in_its_tree(
    hidden: Path, key: Key, tmp_path: Path, original: Original
) -> None:
    report = reveal([hidden], tmp_path / "back", key)
    assert report.ok
    assert report.summary["exact"] == 0
    assert (tmp_path / "back" / "more" / "b.png").exists()
    assert _quality(tmp_path, original) > 25


@pytest.mark.parametrize("comment", ["kept", "dropped"])
def test_it_survives_jpeg_with_its_comment_or_the_manifest(
    hidden: Path, key: Key, tmp_path: Path, original: Original, comment: str
) -> None:
    with Image.open(hidden / "a.png") as image:
        if comment == "dropped":
            del image.info["comment"]
        image.save(hidden / "a.jpg", quality=85, subsampling=0)
    (hidden / "a.png").unlink()
    if comment == "kept":
        (hidden / "manifest.jsonl").unlink()
    report = reveal([hidden / "a.jpg"], tmp_path / "back", key)
    assert report.ok
    assert report.images[0].reason == "recompressed since it was hidden"
    assert _quality(tmp_path, original) > 24


def test_what_recompression_left_little_of_says_so(hidden: Path, key: Key, tmp_path: Path) -> None:
    with Image.open(hidden / "a.png") as image:
        image.save(hidden / "a.jpg", quality=85, subsampling=2)
    report = reveal([hidden / "a.jpg"], tmp_path / "back", key)
    assert "little of it comes back" in report.images[0].reason


def test_without_comment_and_manifest_it_is_lost_and_that_is_said(
    hidden: Path, key: Key, tmp_path: Path
) -> None:
    (hidden / "manifest.jsonl").unlink()
    with Image.open(hidden / "a.png") as image:
        pixels = np.asarray(image)
    Image.fromarray(pixels).save(hidden / "a.png")
    (record,) = reveal([hidden / "a.png"], tmp_path / "back", key).images
    assert "its manifest.jsonl beside it" in record.reason


def test_another_key_and_a_forged_comment_reveal_nothing(
    hidden: Path, key: Key, tmp_path: Path
) -> None:
    other = keys.new("permuted")
    report = reveal([hidden], tmp_path / "back", other)
    assert all("use the key it was hidden with" in record.reason for record in report.images)
    with Image.open(hidden / "a.png") as image:
        comment, pixels = image.info["comment"], np.asarray(image)
    notice = load(comment, "a.png")
    assert notice is not None
    forged = comment.replace(notice.nonce.hex(), "0" * 32)
    Image.fromarray(pixels).save(hidden / "a.jpg", quality=95, comment=forged)
    (record,) = reveal([hidden / "a.jpg"], tmp_path / "back", key).images
    assert "does not turn back into a picture" in record.reason
    assert not (tmp_path / "back").exists()


def test_a_resized_one_is_refused_and_named(hidden: Path, key: Key, tmp_path: Path) -> None:
    with Image.open(hidden / "a.png") as image:
        image.resize((40, 40)).save(hidden / "a.jpg", comment=image.info["comment"])
    (record,) = reveal([hidden / "a.jpg"], tmp_path / "back", key).images
    assert "is 40 x 40, but was hidden as 48 x 48: it was resized or cropped" in record.reason
