"""TIFF: 16-bit color, which Pillow rounds to 8 bits, and EXIF, which it loses when compressing."""

import io
import struct
import zlib
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from anamorph.errors import Unsupported
from anamorph.files import extra

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS, _STRIP_SIZES = 273, 277, 278, 279
_PREDICTOR, _SUB_PICTURES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 317, 330, 338, 339
_XMP, _ICC, _RAW_VERSION = 700, 34675, 50706

_DEFLATE, _DIFFERENCES, _UNASSOCIATED = 8, 2, 2
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNSIGNED = 1
_STRIP_BYTES = 1 << 18


def refuse_odd_kinds(image: TiffImageFile, name: str) -> None:
    """Let pass what is one picture of 1..8 or 16 bits per sample.

    Raises:
        Unsupported: several pictures, a camera's raw file, signed, float or 12-bit samples.
    """
    tags = image.tag_v2
    if _SUB_PICTURES in tags or _RAW_VERSION in tags:
        raise Unsupported(
            f"{name}: a TIFF that holds further pictures (a raw file of a camera, or a pyramid); "
            "export the photo as PNG or JPEG"
        )
    bits = bits_per_sample(image)
    signs = set(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)))
    if (bits > 8 and bits != 16) or (bits >= 8 and signs != {_UNSIGNED}):
        raise Unsupported(
            f"{name}: a TIFF with {bits} bits per sample (signed, float or unusual); "
            "save it with 8 or 16 unsigned bits"
        )


def bits_per_sample(image: TiffImageFile) -> int:
    """The largest number of bits of any channel."""
    return int(max(image.tag_v2.get(_BITS, (1,))))


def white_is_zero(image: TiffImageFile) -> bool:
    """Whether the samples count darkness; Pillow turns them round at 8 bits but not at 16."""
    return bool(image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def decode_16(data: bytes, image: TiffImageFile, name: str) -> NDArray[np.uint16]:
    """The samples of a 16-bit RGB or RGBA TIFF, (h, w, 3) or (h, w, 4), as stored: not turned.

    Raises:
        Unsupported: another color space or kind of alpha, or tifffile is not installed.
    """
    photometric = image.tag_v2.get(_PHOTOMETRIC)
    extras = tuple(image.tag_v2.get(_EXTRA_SAMPLES, ()))
    if photometric != _RGB or extras not in ((), (_UNASSOCIATED,)):
        raise Unsupported(
            f"{name}: a 16-bit TIFF that is neither grey nor RGB with plain alpha "
            f"(photometric {photometric}, extra samples {extras}); save it as 16-bit RGB"
        )
    with extra.load("tifffile", name).TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        samples: NDArray[np.uint16] = page.asarray()
        return np.moveaxis(samples, 0, -1) if page.axes.startswith("S") else samples


def encode(samples: NDArray[Any], *, icc: bytes, exif: bytes, xmp: bytes) -> bytes:
    """A TIFF of samples (h, w, 1..4), uint8 or uint16, losslessly compressed (deflate)."""
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // (width * channels * samples.itemsize))
    strips = [_strip(samples[top : top + rows]) for top in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]

    directory = ImageFileDirectory_v2(prefix=b"II")
    if exif:
        source = Image.Exif()
        source.load(exif)
        for tag in source:
            directory[tag] = source.get_ifd(tag) if tag in (34665, 34853) else source[tag]
    if icc:
        directory[_ICC] = icc
    if xmp:
        directory[_XMP] = xmp
    directory[_WIDTH] = width
    directory[_LENGTH] = height
    directory[_BITS] = (8 * samples.itemsize,) * channels
    directory[_COMPRESSION] = _DEFLATE
    directory[_PREDICTOR] = _DIFFERENCES
    directory[_PHOTOMETRIC] = _RGB if channels > 2 else _BLACK_IS_ZERO
    directory[_SAMPLES] = channels
    if channels in (2, 4):
        directory[_EXTRA_SAMPLES] = _UNASSOCIATED
    directory[_ROWS] = rows
    # Offsets count from the end of the directory; Pillow moves them behind it.
    directory[_STRIP_OFFSETS] = tuple(accumulate(sizes[:-1], initial=0))
    directory[_STRIP_SIZES] = tuple(sizes)
    directory.tagtype[_STRIP_OFFSETS] = directory.tagtype[_STRIP_SIZES] = 4
    header = struct.pack("<2sHI", b"II", 42, 8)
    return b"".join([header, directory.tobytes(len(header)), *strips])


def _strip(rows: NDArray[Any]) -> bytes:
    """Rows as differences to the pixel on the left, run-length deflated as in `png.encode`."""
    differences = rows.astype(rows.dtype.newbyteorder("<"))
    differences[:, 1:] -= rows[:, :-1]
    packer = zlib.compressobj(level=6, strategy=zlib.Z_RLE)
    return packer.compress(differences.data) + packer.flush()
