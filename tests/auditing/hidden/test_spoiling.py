"""Spoiled files are files, and spoiled as they say."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anamorph.auditing.hidden.spoiling import FLIPPED, SPOILINGS, Spoiling

BY_NAME = {one.name: one for one in SPOILINGS}


@pytest.fixture
def pixels(crop: Callable[..., NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return crop("astronaut", 40, 30)


def decoded(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("one", SPOILINGS, ids=lambda one: one.name)
def test_every_one_is_a_picture_and_all_but_cropped_ones_of_that_size(
    one: Spoiling, pixels: NDArray[np.uint8]
) -> None:
    found = decoded(one.make(pixels, b"anamorph", 0))
    assert found.shape == ((36, 27, 3) if one.name == "crop" else pixels.shape)
    assert (found.shape != pixels.shape or (found != pixels).any()) == (one.name != "png")


def test_flipped_bits_are_few_and_the_same_for_a_seed(pixels: NDArray[np.uint8]) -> None:
    flipped = decoded(BY_NAME["bits"].make(pixels, b"", 3))
    assert int(np.bitwise_count(flipped ^ pixels).sum()) == FLIPPED
    again, other = (decoded(BY_NAME["bits"].make(pixels, b"", seed)) for seed in (3, 4))
    assert (again == flipped).all()
    assert (other != flipped).any()


def test_a_jpeg_keeps_the_comment_and_a_png_drops_it(pixels: NDArray[np.uint8]) -> None:
    jpeg = Image.open(io.BytesIO(BY_NAME["jpeg85"].make(pixels, b"anamorph 1", 0)))
    png = Image.open(io.BytesIO(BY_NAME["png"].make(pixels, b"anamorph 1", 0)))
    assert jpeg.info["comment"] == b"anamorph 1"
    assert "comment" not in png.info


def test_coarser_color_costs_more(pixels: NDArray[np.uint8]) -> None:
    wrong = {
        name: np.square(decoded(BY_NAME[name].make(pixels, b"", 0)).astype(float) - pixels).mean()
        for name in ("jpeg95", "jpeg85", "jpeg85-420")
    }
    assert wrong["jpeg95"] < wrong["jpeg85"] < wrong["jpeg85-420"]
