"""Pictures from files: every bit of depth, the right way up, within limits.

JPEG (also the first picture of an MPO), PNG, WebP, TIFF and BMP. What would be spoiled by
protecting it is refused with the way out: animations and several pages (protecting one frame
would leave the others), float samples, camera raw files.
"""

import hashlib
import io
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.errors import FileError, TooLarge
from anamorph.files import decoding, metadata
from anamorph.files.decoding import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is accepted before anything is decoded.

    Pillow's own ceiling on pixels (about 179 million, `PIL.Image.MAX_IMAGE_PIXELS`) stays in
    force above these.
    """

    max_bytes: int = 200_000_000
    max_pixels: int = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a picture before it is decoded."""

    height: int
    width: int
    """In pixels, after the EXIF orientation is applied."""
    channels: int
    """1 for grey, 3 for color, as the pixels will have them; alpha is not counted."""
    depth: int
    """Bits per sample: 8 or 16."""
    format: Kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photo:
    """A decoded picture and all that is needed to write it again."""

    name: str
    """What to call it in messages: its path."""
    pixels: NDArray[Any]
    """(h, w, 1) grey or (h, w, 3) RGB, uint8 or uint16, upright, read-only."""
    alpha: NDArray[Any] | None
    """(h, w) of the same type, read-only; pixels under alpha 0 are kept like any other."""
    format: Kind
    mode: str
    """Pillow's name for how the file stores color: "P", "CMYK", "RGBA" ..."""
    icc: bytes
    """The color profile of `pixels`; empty for none."""
    exif: bytes
    """EXIF without thumbnails, previews and maker notes, orientation reset; empty for none."""
    xmp: bytes
    digest: str
    """`pixel_digest(pixels)`: the same picture has the same digest whatever its name."""

    @property
    def depth(self) -> int:
        """Bits per sample: 8 or 16."""
        return 8 * self.pixels.itemsize


def probe(path: Path, limits: Limits | None = None) -> Header:
    """The header of a picture, without decoding it.

    Raises:
        FileError: as `read`, as far as the header tells.
    """
    name = str(path)
    limits = limits or Limits()
    with decoding.reading(name), _checked(path, limits).open("rb") as stream:
        return _header(decoding.opened(stream, name, limits.max_pixels))


def read(path: Path, limits: Limits | None = None) -> Photo:
    """The picture in a file.

    Raises:
        FileError: the file is missing or cannot be read.
        NotAnImage: it is no picture, or damaged.
        TooLarge: more bytes or pixels than the limits; found before decoding.
        Unsupported: a picture of a kind that protecting would spoil, with what to do.
    """
    return decode(content(path, limits), str(path), limits)


def content(path: Path, limits: Limits | None = None) -> bytes:
    """The bytes of a picture file, not yet decoded.

    Raises:
        FileError: the file is missing, no regular file, or cannot be read.
        TooLarge: more bytes than the limits.
    """
    with decoding.reading(str(path)):
        return _checked(path, limits or Limits()).read_bytes()


def decode(data: bytes, name: str, limits: Limits | None = None) -> Photo:
    """The picture in a file's bytes; `name` is what messages call it.

    Raises:
        FileError: as `read`.
    """
    limits = limits or Limits()
    _check_bytes(len(data), name, limits)
    with decoding.reading(name):
        source = decoding.opened(io.BytesIO(data), name, limits.max_pixels)
        about = (metadata.exif_of(source.image), metadata.xmp_of(source.image))
        mode = source.image.mode
        samples = decoding.samples(source, data)
        icc = b"" if mode == "CMYK" else source.image.info.get("icc_profile") or b""
    channels = 3 if samples.shape[2] > 2 else 1
    pixels = _frozen(samples[:, :, :channels])
    alpha = None if samples.shape[2] == channels else _frozen(samples[:, :, channels])
    return Photo(
        name=name,
        pixels=pixels,
        alpha=alpha,
        format=source.kind,
        mode=mode,
        icc=icc,
        exif=about[0],
        xmp=about[1],
        digest=pixel_digest(pixels),
    )


def pixel_digest(pixels: NDArray[Any]) -> str:
    """SHA-256 over shape, type and pixels, in hex: the key of a picture's randomness.

    Example:
        >>> pixel_digest(np.zeros((1, 1, 3), np.uint8))[:16]
        'ebc08502dfb58534'
    """
    little = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.shape} {little.dtype.str}".encode())
    digest.update(little.data)
    return digest.hexdigest()


def _header(source: decoding.Source) -> Header:
    height, width = source.size
    return Header(
        height=height,
        width=width,
        channels=1 if source.grey else 3,
        depth=source.depth,
        format=source.kind,
    )


def _checked(path: Path, limits: Limits) -> Path:
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise FileError(f"{path}: not a file; name a picture or a folder")
    _check_bytes(about.st_size, str(path), limits)
    return path


def _check_bytes(size: int, name: str, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise TooLarge(
            f"{name}: {size:,} bytes, but at most {limits.max_bytes:,} are read; "
            "save it smaller or raise the limit"
        )


def _frozen(samples: NDArray[Any]) -> NDArray[Any]:
    own = np.ascontiguousarray(samples)
    own.setflags(write=False)
    return own
