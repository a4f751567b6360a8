"""Small pictures in memory, and the bytes of files that hold them."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[Any]
SaveAs = Callable[..., bytes]


@pytest.fixture(scope="session")
def save_as() -> SaveAs:
    """Pillow's own writer, to bytes."""

    def save(image: Image.Image, name: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, name, **options)
        return buffer.getvalue()

    return save


@pytest.fixture(scope="session")
def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="session")
def color() -> Pixels:
    """5 x 7 RGB, every pixel different, so that a wrong turn shows."""
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def deep() -> Pixels:
    """5 x 7 RGBA of 16 bits."""
    return np.random.default_rng(1).integers(0, 65536, (5, 7, 4), dtype=np.uint16)


@pytest.fixture(scope="session")
def camera_exif() -> bytes:
    """EXIF as a camera writes it: thumbnail, maker note, place, and a picture on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    exif[0x013B] = "Zoë".encode()
    exif[0x8649] = b"8BIM preview"
    exif[0x8769] = {
        0x9003: "2026:01:02 03:04:05",
        0x927C: b"maker note with a preview",
        0x9286: b"opaque" * 1000,
        0xA005: 0,
    }
    exif[0x8825] = {1: "N", 2: (51.0, 30.0, 0.0), 29: "2026:01:02"}
    thumbnail = b"\xff\xd8thumbnail\xff\xd9"
    return _with_thumbnail(exif.tobytes(), thumbnail)


def _with_thumbnail(exif: bytes, thumbnail: bytes) -> bytes:
    """Chain a second directory (IFD1) behind the first: where cameras put the thumbnail."""
    body = bytearray(exif.removeprefix(b"Exif\0\0"))
    entries = int.from_bytes(body[8:10], "little")
    link = 10 + 12 * entries
    body[link : link + 4] = len(body).to_bytes(4, "little")
    start = len(body) + 2 + 2 * 12 + 4

    def entry(tag: int, value: int) -> bytes:
        return b"".join([tag.to_bytes(2, "little"), b"\4\0\1\0\0\0", value.to_bytes(4, "little")])

    second = b"\2\0" + entry(0x0201, start) + entry(0x0202, len(thumbnail)) + bytes(4)
    return b"Exif\0\0" + bytes(body) + second + thumbnail
