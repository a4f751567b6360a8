"""Uploads that mean harm: damaged pictures, bombs, lies about type, huge headers, broken forms."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from benchmarks.service_site import form
from numpy.random import Generator
from PIL import Image

from anamorph import portraits

_FORMATS = ("png", "jpeg", "webp", "tiff", "bmp")
_MODEL = {"model": "model"}


class Hostile(NamedTuple):
    """One request."""

    kind: str
    body: bytes
    headers: dict[str, str]


def uploads(count: int, seed: int) -> Iterator[Hostile]:
    """`count` requests, a kind after the other, each drawn anew."""
    rng = np.random.default_rng(seed)
    kinds: tuple[tuple[str, Callable[[Generator], Hostile]], ...] = (
        ("damaged", _damaged),
        ("bomb", _bomb),
        ("lie", _lie),
        ("header", _header),
        ("form", _broken),
    )
    for i in range(count):
        kind, make = kinds[i % len(kinds)]
        yield make(rng)._replace(kind=kind)


def picture(format: str, person: int = 0, size: int = 64) -> bytes:
    """The bytes of a portrait."""
    out = io.BytesIO()
    Image.fromarray(portraits.portrait(person, 0, size=size)).save(out, format)
    return out.getvalue()


def _sent(name: str, data: bytes) -> Hostile:
    body, kind = form(_MODEL, [("picture", name, data)])
    return Hostile("", body, {"Content-Type": kind})


def _damaged(rng: Generator) -> Hostile:
    format = _FORMATS[rng.integers(len(_FORMATS))]
    data = np.frombuffer(picture(format), np.uint8).copy()
    first = 200 if rng.random() < 0.5 else len(data)  # half of the time in the header
    places = rng.integers(0, first, rng.integers(1, 30))
    data[places] = rng.integers(0, 256, len(places))
    cut = data[: rng.integers(1, len(data))] if rng.random() < 0.3 else data
    return _sent(f"x.{format}", cut.tobytes())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


def _bomb(rng: Generator) -> Hostile:
    zeros = zlib.compress(bytes(int(rng.integers(1, 30)) * 2**20), 9)
    side = int(rng.choice([0, 1, 3000, 30_000, 2**20, 2**31 - 1]))
    data = [
        _png(side, side, _chunk(b"IDAT", zeros)),
        _png(8, 8, _chunk(b"zTXt", b"a\0\0" + zeros), _chunk(b"IDAT", zeros)),
        _png(8, 8, _chunk(b"iCCP", b"a\0\0" + zeros), _chunk(b"IDAT", zeros)),
        b"II*\0" + struct.pack("<IH", 8, 65535) + rng.bytes(20_000),
        b"II*\0" + struct.pack("<IHI", 8, 0, 8),
        gzip.compress(bytes(2**22)),
        b"BM" + struct.pack("<IHHI", 2**31 - 1, 0, 0, 54) + struct.pack("<Iii", 40, side, side)
        + struct.pack("<HHIIiiII", 1, 24, 0, 0, 0, 0, 0, 0),
    ]  # fmt: skip
    return _sent("bomb.png", data[int(rng.integers(len(data)))])


def _lie(rng: Generator) -> Hostile:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("a", bytes(1000))
    starts = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"II*\0",
        b"GIF89a",
    ]
    data = [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?php system($_GET[0]); ?>",
        b"%PDF-1.7\n" + rng.bytes(500),
        b"\x7fELF" + rng.bytes(500),
        archive.getvalue(),
        starts[int(rng.integers(len(starts)))] + rng.bytes(int(rng.integers(0, 5000))),
        b"",
    ]
    return _sent("../" * int(rng.integers(0, 5)) + "a.png", data[int(rng.integers(len(data)))])


def _header(rng: Generator) -> Hostile:
    sent = _sent("a.png", picture("png"))
    size = int(rng.choice([1_000, 30_000, 60_000, 200_000]))
    which = int(rng.integers(4))
    more: dict[str, str] = {}
    if which == 0:
        more = {"X-Long": "x" * size}
    elif which == 1:
        more = {f"X-{i}": "y" * 20 for i in range(min(size // 30, 900))}
    elif which == 2:
        more = {"Content-Type": "multipart/form-data; boundary=" + "b" * size}
    body = sent.body
    if which == 3:
        body = body.replace(b'filename="a.png"', b'filename="' + b"n" * size + b'"')
    return sent._replace(body=body, headers={**sent.headers, **more})


def _broken(rng: Generator) -> Hostile:
    sent = _sent("a.png", picture("png"))
    body = bytearray(sent.body)
    which = int(rng.integers(5))
    if which == 0:
        body = body[: int(rng.integers(0, len(body)))]
    elif which == 1:
        for place in rng.integers(0, 300, 8):
            body[place] = int(rng.integers(256))
    elif which == 2:
        body = bytearray(rng.bytes(int(rng.integers(0, 5000))))
    elif which == 3:
        body = body.replace(b"\r\n", b"\n")
    else:
        many, kind = form({f"f{i}": "v" for i in range(int(rng.integers(90, 2000)))}, [])
        return Hostile("", many, {"Content-Type": kind})
    return Hostile("", bytes(body), sent.headers)


def within(original: bytes, result: bytes, levels: int) -> bool:
    """Whether a result differs from its original, and nowhere by more than that."""
    pair: list[Any] = [
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        for data in (original, result)
    ]
    return pair[0].shape == pair[1].shape and 0 < int(np.abs(pair[0] - pair[1]).max()) <= levels
