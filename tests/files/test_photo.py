import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from anamorph.errors import FileError, NotAnImage, TooLarge, Unsupported
from anamorph.files.photo import Limits, decode, pixel_digest, probe, read


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_is_turned_upright_and_reset(
    name: str, orientation: int, color: Any, save_as: Any, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Camera"
    image = Image.fromarray(color)
    options = {"lossless": True} if name == "WEBP" else {}
    data = save_as(image, name, exif=exif.tobytes(), **options)
    reference = Image.fromarray(color)
    reference.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(reference))

    photo = decode(data, "photo")
    np.testing.assert_array_equal(photo.pixels, upright)
    kept = Image.Exif()
    kept.load(photo.exif)
    assert (kept[0x0112], kept[0x010F]) == (1, "Camera")

    (tmp_path / "photo").write_bytes(data)
    header = probe(tmp_path / "photo")
    assert (header.height, header.width) == upright.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_orientation_of_a_16_bit_tiff(
    channels: int, orientation: int, deep: Any, color: Any, tmp_path: Path
) -> None:
    samples = deep[:, :, 0] if channels == 1 else deep[:, :, :3]
    path = tmp_path / "deep.tif"
    tags = [(274, "H", 1, orientation, False)]
    photometric = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(path, samples, photometric=photometric, extratags=tags)
    reference = Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7))
    reference.getexif()[0x0112] = orientation
    order = np.asarray(ImageOps.exif_transpose(reference))

    photo = read(path)
    expected = samples.reshape(35, channels)[order]
    np.testing.assert_array_equal(photo.pixels, expected)
    header = probe(path)
    assert (header.height, header.width, header.channels, header.depth) == (
        *order.shape,
        channels,
        16,
    )


def test_probe_finds_an_orientation_that_stands_behind_the_pixels(
    color: Any, save_as: Any, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = save_as(Image.fromarray(color), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4]) + 12
    end = len(data) - 12
    late = data[:start] + data[start + length : end] + data[start : start + length] + data[end:]
    (tmp_path / "late.png").write_bytes(late)

    header = probe(tmp_path / "late.png")
    assert (header.height, header.width) == (7, 5)
    assert decode(late, "late").pixels.shape == (7, 5, 3)


def test_the_header_agrees_with_the_photo(color: Any, save_as: Any, tmp_path: Path) -> None:
    image = Image.fromarray(color)
    for mode, channels in {"1": 1, "L": 1, "LA": 1, "P": 3, "RGB": 3, "RGBA": 3}.items():
        path = tmp_path / f"{mode}.png"
        path.write_bytes(save_as(image.convert(mode), "PNG"))
        header, photo = probe(path), read(path)
        assert photo.pixels.shape == (header.height, header.width, header.channels)
        assert (header.channels, header.depth, header.format) == (channels, photo.depth, "png")


def test_the_digest_is_of_the_picture_and_not_of_the_file(color: Any, save_as: Any) -> None:
    image = Image.fromarray(color)
    png = decode(save_as(image, "PNG"), "a")
    bmp = decode(save_as(image, "BMP"), "b")
    assert png.digest == bmp.digest == pixel_digest(color)
    other = color.copy()
    other[0, 0, 0] ^= 1
    assert pixel_digest(other) != png.digest
    assert pixel_digest(color.reshape(7, 5, 3)) != png.digest
    assert pixel_digest(color.astype(np.uint16)) != png.digest


def test_the_digest_does_not_depend_on_byte_order(deep: Any) -> None:
    assert pixel_digest(deep.astype(">u2")) == pixel_digest(deep.astype("<u2"))


def test_pixels_are_read_only(color: Any, save_as: Any) -> None:
    photo = decode(save_as(Image.fromarray(color), "PNG"), "photo")
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0, 0] = 0


def test_a_file_with_too_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as stream:
        stream.truncate(300_000_000)
    with pytest.raises(TooLarge, match=r"large\.png: 300,000,000 bytes, but at most 200,000,000"):
        read(path)
    with pytest.raises(TooLarge):
        probe(path)
    with pytest.raises(TooLarge):
        decode(b"12345", "upload", Limits(max_bytes=4))


@pytest.mark.parametrize("side", [10_001, 13_000, 60_000])
def test_a_bomb_is_refused_before_it_is_decoded(side: int, color: Any, save_as: Any) -> None:
    data = bytearray(save_as(Image.fromarray(color), "BMP"))
    data[18:22] = data[22:26] = side.to_bytes(4, "little")
    with pytest.raises(TooLarge, match=r"bomb\.bmp"):
        decode(bytes(data), "bomb.bmp")


def test_a_picture_between_pillows_warning_and_our_limit_raises_no_warning(
    color: Any, save_as: Any
) -> None:
    data = bytearray(save_as(Image.fromarray(color), "BMP"))
    data[18:22] = data[22:26] = (9_700).to_bytes(4, "little")
    with pytest.raises(NotAnImage):  # its pixels are missing
        decode(bytes(data), "photo")


def test_what_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.png: no such file"):
        read(tmp_path / "gone.png")
    with pytest.raises(FileError, match="not a file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(FileError, match="not a file"):
        read(tmp_path / "pipe.png")


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_picture_is_named_and_refused(name: str, color: Any, save_as: Any) -> None:
    large = Image.fromarray(np.tile(color, (20, 20, 1)))
    data = save_as(large, name)
    for part in (0, 1, 10, len(data) // 3, len(data) // 2, len(data) - len(data) // 8):
        with pytest.raises(NotAnImage, match=r"cut\.x"):
            decode(data[:part], "cut.x")


@settings(max_examples=150)
@given(data=st.binary(max_size=200), start=st.sampled_from(["", "png", "tiff", "bmp", "jpeg"]))
def test_random_bytes_raise_nothing_but_file_errors(data: bytes, start: str) -> None:
    marks = {"png": b"\x89PNG\r\n\x1a\n", "tiff": b"II*\0", "bmp": b"BM", "jpeg": b"\xff\xd8\xff"}
    with pytest.raises(FileError, match="noise"):
        decode(marks.get(start, b"") + data, "noise")


def _valid_files() -> list[bytes]:
    image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (9, 8, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x8769] = 6, {0x9003: "2026:01:02 03:04:05"}
    files = []
    for name in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        buffer = io.BytesIO()
        image.save(buffer, name, exif=exif.tobytes())
        files.append(buffer.getvalue())
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((9, 8, 3), np.uint16), photometric="rgb")
    return [*files, buffer.getvalue()]


@settings(max_examples=300)
@given(
    data=st.sampled_from(_valid_files()),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_mutated_files_decode_or_raise_file_errors(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    mutated = bytearray(data)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    try:
        photo = decode(bytes(mutated), "mutated", Limits(max_pixels=100_000))
    except FileError as error:
        assert "mutated" in str(error)  # noqa: PT017 - both ways are right
        return
    assert photo.pixels.shape[2] in (1, 3)
    assert photo.digest == pixel_digest(photo.pixels)


def test_pictures_of_several_frames_are_refused_with_the_way_out(color: Any, save_as: Any) -> None:
    one, two = Image.fromarray(color), Image.fromarray(255 - color)
    for name in ("PNG", "WEBP", "TIFF"):
        data = save_as(one, name, save_all=True, append_images=[two])
        with pytest.raises(Unsupported, match="save each as its own file"):
            decode(data, "animation")
