"""PNG at the level of its chunks: what Pillow reads late, rounds to 8 bits, or cannot write."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anamorph.files import extra

_BEHIND_HEADER = 33
"""Signature (8 bytes) and the IHDR chunk (25 bytes): the first place where a chunk may stand."""

_METADATA = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})


def metadata_behind_pixels(stream: BinaryIO) -> bool:
    """Whether EXIF or text stands behind the pixels, where Pillow sees it only after decoding."""
    seen_pixels = False
    for kind in _kinds(stream):
        if seen_pixels and kind in _METADATA:
            return True
        seen_pixels = seen_pixels or kind == b"IDAT"
    return False


def decode_16(data: bytes, name: str) -> NDArray[np.uint16]:
    """The samples of a 16-bit PNG, (h, w) or (h, w, n); a transparent color becomes alpha.

    Raises:
        Unsupported: imagecodecs is not installed.
    """
    samples: NDArray[np.uint16] = extra.load("imagecodecs", name).png_decode(data)
    return samples


def encode(samples: NDArray[Any], name: str, *, icc: bytes, exif: bytes, xmp: bytes) -> bytes:
    """A PNG of samples (h, w, 1..4), uint8 or uint16.

    Run-length compression: on photos that carry noise it is as small as the slowest setting of
    deflate, and quicker, because noise leaves no repetitions to look for.

    Raises:
        Unsupported: 16 bits in color or with alpha, and imagecodecs is not installed.
    """
    squeezed = samples[:, :, 0] if samples.shape[2] == 1 else samples
    if samples.dtype == np.uint16 and samples.shape[2] > 1:
        codec = extra.load("imagecodecs", name)
        plain = codec.png_encode(samples, level=6, strategy=codec.PNG.STRATEGY.RLE)
    else:
        buffer = io.BytesIO()
        rle = Image.fromarray(np.ascontiguousarray(squeezed))
        rle.save(buffer, "PNG", compress_type=zlib.Z_RLE)
        plain = buffer.getvalue()
    return _with_chunks(plain, _chunks(icc=icc, exif=exif, xmp=xmp))


def commented(png: bytes, keyword: str, comment: str) -> bytes:
    """The same PNG with a text chunk; keyword and comment in Latin-1."""
    body = keyword.encode("latin-1") + b"\0" + comment.encode("latin-1")
    return _with_chunks(png, _chunk(b"tEXt", body))


def _chunks(*, icc: bytes, exif: bytes, xmp: bytes) -> bytes:
    out = b""
    if icc:
        out += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if exif:
        out += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if xmp:
        out += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    return out


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _with_chunks(png: bytes, chunks: bytes) -> bytes:
    view = memoryview(png)
    return b"".join([view[:_BEHIND_HEADER], chunks, view[_BEHIND_HEADER:]])


def _kinds(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind
        stream.seek(length + 4, io.SEEK_CUR)
