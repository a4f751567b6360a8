"""Uploads that mean harm: each is refused in words, and the service goes on."""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from anamorph.service.settings import Bounds

from .conftest import Running, Serve

TOY = {"model": "toy"}

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + header + b"".join(chunks) + chunk(b"IEND", b"")


def bombs() -> Iterator[tuple[str, bytes]]:
    nothing = chunk(b"IDAT", zlib.compress(bytes(3 * 2000 * 2000 + 2000), 9))
    yield "more pixels than are taken", png(20_000, 20_000, nothing)
    yield "a header that promises the world", png(2**31 - 1, 2**31 - 1)
    yield "no pixels at all", png(0, 0)
    yield "less data than the header says", png(400, 400, nothing[:90])
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))
    yield "a text that unpacks to 50 MB", png(8, 8, text, nothing)
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))
    yield "a profile that unpacks to 50 MB", png(8, 8, profile, nothing)
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 65535) + bytes(4000)
    yield "a TIFF of 65,535 entries", tiff
    loop = b"II*\0" + struct.pack("<IH", 8, 0) + struct.pack("<I", 8)
    yield "a TIFF whose next page is itself", loop
    yield "a script that says it is a picture", b"<svg onload=alert(1)>"
    yield "an archive", b"PK\3\4" + bytes(500)


@pytest.fixture
def strict(serve: Serve) -> Running:
    return serve(Bounds(picture_pixels=4_000_000, picture_bytes=2_000_000, burst=10_000))


BOMBS = dict(bombs())


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused(strict: Running, what: str) -> None:
    data = BOMBS[what]
    answer = strict.post("/v1/protect", files={"picture": ("a.png", data)}, data=TOY)
    assert answer.status_code in (413, 415, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_damaged_pictures_are_refused_or_read_and_the_service_goes_on(
    strict: Running, picture: Callable[..., bytes]
) -> None:
    rng = np.random.default_rng(0)
    files: list[Any] = []
    for format in ("png", "jpeg", "webp", "tiff", "bmp"):
        original = np.frombuffer(picture(format=format), np.uint8)
        for _ in range(6):
            data = original.copy()
            places = rng.integers(0, len(data), rng.integers(1, 12))
            data[places] = rng.integers(0, 256, len(places))
            cut = data[: rng.integers(1, len(data))] if rng.random() < 0.4 else data
            files.append(("picture", (f"x.{format}", cut.tobytes())))
    job = strict.post("/v1/protect", files=files, data=TOY).json()["id"]
    assert "event: end" in strict.get(f"/v1/jobs/{job}/events").text
    status = strict.get(f"/v1/jobs/{job}").json()
    known = {"NotAnImage", "TooLarge", "Unsupported", "FileError"}
    kinds = {i["problem"]["type"].rpartition(":")[2] for i in status["items"] if i["problem"]}
    assert status["counts"]["done"] + status["counts"]["failed"] == 30
    assert kinds <= known
    good = strict.post("/v1/protect", files={"picture": ("a.png", picture())}, data=TOY)
    assert good.status_code == 200


NAMES = (
    "../../etc/passwd",
    "a/../../b",
    "..",
    "\\\\host\\share",
    "C:\\x",
    "\0",
    "x" * 5000,
    "ü\r\nSet-Cookie: a=b",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_nowhere(strict: Running, picture: Callable[..., bytes], name: str) -> None:
    boundary = b"--x\r\n"
    quoted = name.replace("\r\n", "%0D%0A").encode()
    body = (
        boundary
        + b'Content-Disposition: form-data; name="model"\r\n\r\ntoy\r\n'
        + boundary
        + b'Content-Disposition: form-data; name="picture"; filename="'
        + quoted
        + b'"'
        + b"\r\n\r\n"
        + picture()
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = strict.post("/v1/protect", content=body, headers=headers)
    assert answer.status_code in (200, 422), answer.text
    assert "set-cookie" not in answer.headers
    if answer.status_code == 200:
        shown = answer.headers["content-disposition"].partition("''")[2]
        assert "/" not in shown
        assert len(shown) < 2000


def test_too_many_parts_are_refused(serve: Serve) -> None:
    running = serve(Bounds(pictures=3))
    many = [("picture", (f"{i}.png", b"x")) for i in range(9)]
    assert running.post("/v1/protect", files=many, data=TOY).status_code == 413
    fields = [(f"f{i}", (None, "x")) for i in range(150)]
    assert running.post("/v1/protect", files=fields).status_code == 413
    long = [("model", (None, "x" * 100_000))]
    assert running.post("/v1/protect", files=long).status_code == 422
