"""Transforms: real codecs and filters on 8-bit pixels."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from anamorph.adversaries.transforms import SETS, TRANSFORMS, transforms_named
from anamorph.errors import UsageError

Crop = Callable[..., NDArray[np.uint8]]
NAMES = list(TRANSFORMS)


@pytest.fixture
def photo(crop: Crop) -> NDArray[np.uint8]:
    return crop("astronaut", 64, 48)


@pytest.mark.parametrize("name", NAMES)
def test_a_transform_gives_8_bit_rgb_of_the_same_size_again(
    name: str, photo: NDArray[np.uint8]
) -> None:
    before = photo.copy()
    after = TRANSFORMS[name](photo)
    assert after.dtype == np.uint8
    assert after.shape == ((48, 36, 3) if name == "smaller" else photo.shape)
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_transform_changes_a_photo_and_always_in_the_same_way(
    name: str, photo: NDArray[np.uint8]
) -> None:
    once, again = TRANSFORMS[name](photo), TRANSFORMS[name](photo)
    assert np.array_equal(once, again)
    assert once.shape != photo.shape or not np.array_equal(once, photo)


@pytest.mark.parametrize("name", [n for n in NAMES if "gamma" not in n and "bits" not in n])
def test_a_transform_leaves_a_plain_picture_plain(name: str) -> None:
    grey = np.full((40, 56, 3), 128, np.uint8)
    assert np.abs(TRANSFORMS[name](grey).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (2, 7), (16, 3)])
def test_a_transform_takes_tiny_pictures(name: str, size: tuple[int, int]) -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert TRANSFORMS[name](tiny).shape[2] == 3


def test_jpeg_is_what_the_codec_gives(photo: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=50)
    assert np.array_equal(TRANSFORMS["jpeg50"](photo), np.asarray(Image.open(buffer)))


def test_lower_quality_loses_more(photo: NDArray[np.uint8]) -> None:
    lost = [
        np.square(TRANSFORMS[f"jpeg{q}"](photo).astype(float) - photo).mean()
        for q in (95, 75, 50, 30)
    ]
    assert lost == sorted(lost)


def test_flipping_twice_gives_the_photo_back(photo: NDArray[np.uint8]) -> None:
    flip = TRANSFORMS["flip"]
    assert np.array_equal(flip(flip(photo)), photo)


def test_bits_leave_as_many_levels() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 2, 3))
    assert len(np.unique(TRANSFORMS["bits4"](ramp))) == 16
    assert len(np.unique(TRANSFORMS["bits5"](ramp))) == 32


def test_gamma_below_one_is_brighter(photo: NDArray[np.uint8]) -> None:
    assert (
        TRANSFORMS["gamma0.8"](photo).mean() > photo.mean() > TRANSFORMS["gamma1.25"](photo).mean()
    )


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (64, 64)])
def test_rotating_leaves_no_empty_corner(size: tuple[int, int]) -> None:
    white = np.full((*size, 3), 255, np.uint8)
    assert TRANSFORMS["rotate"](white).min() >= 250


def test_sets_and_names_join_in_a_fixed_order() -> None:
    assert [t.name for t in transforms_named(["blur", "quick", "jpeg95"])] == [
        *("jpeg95", "jpeg75", "jpeg50", "resize", "blur")
    ]
    assert [t.name for t in transforms_named(["all"])] == NAMES
    assert transforms_named(["none"]) == ()
    assert set(SETS["quick"]) <= set(NAMES)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'blurr'; the nearest is 'blur'"):
        transforms_named(["blurr"])


def test_every_transform_says_what_it_does() -> None:
    assert all(t.name == name and t.meaning for name, t in TRANSFORMS.items())


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (31, 40)])
def test_the_median_is_that_of_pillow(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    wanted = np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(3)))
    assert np.array_equal(TRANSFORMS["median"](pixels), wanted)
