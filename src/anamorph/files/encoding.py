"""From pixels to a file's bytes, with the photo's alpha, color profile and chosen metadata."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anamorph.errors import NotWritten, Unsupported, UsageError
from anamorph.files import png, tiff
from anamorph.files.decoding import Kind
from anamorph.files.metadata import Metadata, under
from anamorph.files.photo import Photo

Format: TypeAlias = Literal["png", "webp", "keep"]
"""What is written: PNG, lossless WebP, or the format the photo came in."""

_WEBP_SIDE = 16383


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """Samples (h, w, 1..4) with what goes beside them; 2 and 4 channels end in alpha."""

    name: str
    samples: NDArray[Any]
    icc: bytes
    exif: bytes
    xmp: bytes
    quality: int


def encode(
    photo: Photo,
    pixels: NDArray[Any],
    *,
    format: Format = "png",
    quality: int = 95,
    metadata: Metadata = "keep",
) -> bytes:
    """A picture file that holds `pixels` where `photo` had its own.

    All but JPEG decode to exactly these pixels and the photo's alpha. WebP has no grey: it
    decodes to three equal channels, and drops an alpha that is opaque everywhere. The color
    profile is always kept: it says what the numbers mean.

    Args:
        photo: where alpha, color profile, metadata and, with `keep`, the format come from.
        pixels: of the shape and type of `photo.pixels`.
        format: see `Format`.
        quality: 1..100, of JPEG only (4:4:4, so that color keeps its resolution).
        metadata: what happens to EXIF and XMP. Thumbnails, previews and maker notes never
            get this far: `read` leaves them behind.

    Raises:
        UsageError: `pixels` do not fit the photo.
        Unsupported: the format cannot hold this picture, with one that can.
        NotWritten: the encoder failed.
    """
    if pixels.shape != photo.pixels.shape or pixels.dtype != photo.pixels.dtype:
        raise UsageError(
            f"{photo.name}: pixels to write are {pixels.dtype} {pixels.shape}, but the photo is "
            f"{photo.pixels.dtype} {photo.pixels.shape}; give the same shape and type"
        )
    exif, xmp = under(metadata, photo.exif, photo.xmp)
    sheet = _Sheet(
        name=photo.name,
        samples=pixels if photo.alpha is None else np.dstack([pixels, photo.alpha]),
        icc=photo.icc,
        exif=exif,
        xmp=xmp,
        quality=quality,
    )
    kind = photo.format if format == "keep" else format
    try:
        return _ENCODERS[kind](sheet)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        raise NotWritten(
            f"{photo.name}: cannot be encoded as {kind} ({error}); try --format png"
        ) from error


def _png(sheet: _Sheet) -> bytes:
    return png.encode(sheet.samples, sheet.name, icc=sheet.icc, exif=sheet.exif, xmp=sheet.xmp)


def _tiff(sheet: _Sheet) -> bytes:
    return tiff.encode(sheet.samples, icc=sheet.icc, exif=sheet.exif, xmp=sheet.xmp)


def _webp(sheet: _Sheet) -> bytes:
    height, width, _ = sheet.samples.shape
    if sheet.samples.dtype != np.uint8:
        raise Unsupported(f"{sheet.name}: WebP cannot hold 16 bits; use --format png")
    if max(height, width) > _WEBP_SIDE:
        raise Unsupported(
            f"{sheet.name}: {width} x {height} pixels, but WebP ends at {_WEBP_SIDE} a side; "
            "use --format png"
        )
    # exact: pixels under alpha 0 are pictures too. Method 1 and effort 20 take half the
    # default's time and half a percent more space on photos that carry noise.
    return _with_pillow(
        sheet,
        "WEBP",
        lossless=True,
        exact=True,
        quality=20,
        method=1,
        icc_profile=sheet.icc,
        exif=sheet.exif,
        xmp=sheet.xmp,
    )


def _jpeg(sheet: _Sheet) -> bytes:
    return _with_pillow(
        sheet,
        "JPEG",
        quality=sheet.quality,
        subsampling=0,
        icc_profile=sheet.icc,
        exif=sheet.exif,
        xmp=sheet.xmp,
    )


def _bmp(sheet: _Sheet) -> bytes:
    if sheet.samples.shape[2] in (2, 4):
        raise Unsupported(f"{sheet.name}: BMP would lose the transparency; use --format png")
    return _with_pillow(sheet, "BMP")


def _with_pillow(sheet: _Sheet, name: str, **options: Any) -> bytes:
    flat = sheet.samples[:, :, 0] if sheet.samples.shape[2] == 1 else sheet.samples
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, name, **options)
    return buffer.getvalue()


_ENCODERS: dict[Kind, Callable[[_Sheet], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "tiff": _tiff,
    "bmp": _bmp,
}
