"""What happens to a hidden file on its way: recompressed, resized, cropped, damaged."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3) RGB."""

FLIPPED = 8
"""How many bits are turned over."""

KEPT = 0.9
"""Of each side, by cropping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiling:
    """One way to spoil a file."""

    name: str
    meaning: str
    suffix: str
    make: Callable[[Pixels, bytes, int], bytes]
    """From pixels, the file's comment and a seed to the bytes of another file."""


def _jpeg(quality: int, subsampling: int) -> Callable[[Pixels, bytes, int], bytes]:
    def make(pixels: Pixels, comment: bytes, _: int) -> bytes:
        buffer = io.BytesIO()
        image = Image.fromarray(pixels)
        image.save(buffer, "JPEG", quality=quality, subsampling=subsampling, comment=comment)
        return buffer.getvalue()

    return make


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _encoded_again(pixels: Pixels, _: bytes, __: int) -> bytes:
    return _png(Image.fromarray(pixels))


def _resized(pixels: Pixels, _: bytes, __: int) -> bytes:
    image = Image.fromarray(pixels)
    half = (max(1, image.width // 2), max(1, image.height // 2))
    small = image.resize(half, Resampling.BILINEAR)
    return _png(small.resize(image.size, Resampling.BILINEAR))


def _flipped(pixels: Pixels, _: bytes, seed: int) -> bytes:
    values = pixels.reshape(-1).copy()
    rng = np.random.default_rng(seed)
    where = rng.choice(len(values), min(FLIPPED, len(values)), replace=False)
    values[where] ^= np.uint8(1) << rng.integers(0, 8, len(where), dtype=np.uint8)
    return _png(Image.fromarray(values.reshape(pixels.shape)))


def _cropped(pixels: Pixels, _: bytes, __: int) -> bytes:
    height, width = pixels.shape[:2]
    rows, columns = max(1, round(KEPT * height)), max(1, round(KEPT * width))
    top, left = (height - rows) // 2, (width - columns) // 2
    inside = pixels[top : top + rows, left : left + columns]
    return _png(Image.fromarray(np.ascontiguousarray(inside)))


SPOILINGS: tuple[Spoiling, ...] = (
    Spoiling(
        name="png",
        meaning="saved as PNG again, without its comment",
        suffix=".png",
        make=_encoded_again,
    ),
    Spoiling(
        name="jpeg95", meaning="saved as JPEG, quality 95, 4:4:4", suffix=".jpg", make=_jpeg(95, 0)
    ),
    Spoiling(
        name="jpeg85", meaning="saved as JPEG, quality 85, 4:4:4", suffix=".jpg", make=_jpeg(85, 0)
    ),
    Spoiling(
        name="jpeg85-420",
        meaning="saved as JPEG, quality 85, 4:2:0, as most programs do",
        suffix=".jpg",
        make=_jpeg(85, 2),
    ),
    Spoiling(name="resize", meaning="half the size and back", suffix=".png", make=_resized),
    Spoiling(
        name="bits", meaning=f"{FLIPPED} bits of its pixels flipped", suffix=".png", make=_flipped
    ),
    Spoiling(
        name="crop", meaning=f"the middle {KEPT:.0%} of each side", suffix=".png", make=_cropped
    ),
)
