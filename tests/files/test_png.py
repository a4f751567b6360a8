import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from anamorph.files import png


def test_metadata_before_the_pixels_is_not_behind_them(color: Any) -> None:
    data = png.encode(color, "photo", icc=b"", exif=b"Exif\0\0II*\0", xmp=b"<x/>")
    assert not png.metadata_behind_pixels(io.BytesIO(data))
    chunk = data[data.index(b"iTXt") - 4 :]
    chunk = chunk[: int.from_bytes(chunk[:4]) + 12]
    assert png.metadata_behind_pixels(io.BytesIO(data[:-12] + chunk + data[-12:]))


def test_a_damaged_file_ends_the_walk() -> None:
    assert not png.metadata_behind_pixels(io.BytesIO(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT"))


def test_other_readers_check_and_find_our_chunks(color: Any, srgb: bytes) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    data = png.encode(color, "photo", icc=srgb, exif=exif.tobytes(), xmp=b"<x/>")
    with Image.open(io.BytesIO(data)) as image:
        image.verify()  # the checksums
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == srgb
        assert image.info["xmp"] == b"<x/>"
        assert image.getexif()[0x010F] == "Camera"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_noisy_photos_are_about_as_small_as_the_slowest_deflate(dtype: Any) -> None:
    photo = skimage.data.coffee()[:200, :200].astype(int)
    noise = 16 * np.random.default_rng(0).choice([-1, 1], photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8).astype(dtype)
    slow = io.BytesIO()
    Image.fromarray(noisy.astype(np.uint8)).save(slow, "PNG", compress_level=9)
    size = len(png.encode(noisy, "photo", icc=b"", exif=b"", xmp=b""))
    assert size < slow.tell() * (1.05 if dtype == np.uint8 else 2.1)
