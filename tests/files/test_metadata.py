from typing import Any

import numpy as np
import pytest
from PIL import Image

from anamorph.files.encoding import Format, encode
from anamorph.files.metadata import Metadata, under
from anamorph.files.photo import decode

_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" dc:title="t"/></x:xmpmeta>'


def _loaded(exif: bytes) -> Image.Exif:
    out = Image.Exif()
    out.load(exif)
    return out


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("format", ["png", "webp", "keep"])
@pytest.mark.parametrize("policy", ["keep", "no-gps"])
def test_nothing_that_shows_the_picture_survives(
    name: str, format: Format, policy: Metadata, camera_exif: bytes, color: Any, save_as: Any
) -> None:
    source = save_as(Image.fromarray(color), name, exif=camera_exif)
    assert b"thumbnail" in source
    photo = decode(source, "photo")
    written = encode(photo, photo.pixels, format=format, metadata=policy)
    for trace in (b"thumbnail", b"maker note", b"8BIM", b"opaqueopaque"):
        assert trace not in written
    again = decode(written, "written")
    assert not _loaded(again.exif).get_ifd(1)
    assert _loaded(again.exif)[0x010F] == "Camera"


def test_a_tiff_loses_its_thumbnail_and_keeps_its_dates(
    camera_exif: bytes, color: Any, save_as: Any
) -> None:
    jpeg = decode(save_as(Image.fromarray(color), "JPEG", exif=camera_exif), "photo")
    tiff = decode(save_as(Image.fromarray(color), "TIFF", exif=jpeg.exif), "photo")
    again = decode(encode(tiff, tiff.pixels, format="keep"), "photo")
    exif = _loaded(again.exif)
    assert again.format == "tiff"
    assert exif.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert exif.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)


@pytest.mark.parametrize("format", ["png", "webp", "keep"])
def test_the_place_goes_or_stays_as_asked(
    format: Format, camera_exif: bytes, color: Any, save_as: Any
) -> None:
    photo = decode(save_as(Image.fromarray(color), "JPEG", exif=camera_exif), "photo")
    policies: list[Metadata] = ["keep", "no-gps", "strip"]
    kept, without, stripped = (
        decode(encode(photo, photo.pixels, format=format, metadata=policy), "again")
        for policy in policies
    )
    assert _loaded(kept.exif).get_ifd(0x8825)[1] == "N"
    assert not _loaded(without.exif).get_ifd(0x8825)
    assert _loaded(without.exif).get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert stripped.exif == b""


def test_text_that_is_not_ascii_is_handed_through(
    camera_exif: bytes, color: Any, save_as: Any
) -> None:
    photo = decode(save_as(Image.fromarray(color), "JPEG", exif=camera_exif), "photo")
    assert "Zoë".encode() + b"\0" in photo.exif


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_kept_upright(name: str, color: Any, save_as: Any) -> None:
    options: dict[str, Any] = {"xmp": _XMP}
    if name == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", _XMP.decode())
        options = {"pnginfo": info}
    if name == "TIFF":
        options = {"tiffinfo": {700: _XMP}}
    photo = decode(save_as(Image.fromarray(color), name, **options), "photo")
    assert photo.xmp == _XMP.replace(b'"6"', b'"1"')
    for format in ("png", "webp", "keep"):
        assert decode(encode(photo, photo.pixels, format=format), "again").xmp == photo.xmp


@pytest.mark.parametrize("trace", [b"xmpGImg:image", b"xmp:Thumbnails", b"GImage:Data"])
def test_xmp_that_embeds_pictures_is_dropped(trace: bytes, color: Any, save_as: Any) -> None:
    xmp = b"<x:xmpmeta>" + trace + b"</x:xmpmeta>"
    assert decode(save_as(Image.fromarray(color), "WEBP", xmp=xmp), "photo").xmp == b""


@pytest.mark.parametrize("text", ["exif:GPSLatitude", "EXIF:gpslatitude"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xmp_that_speaks_of_gps_goes_as_a_whole(text: str, encoding: str) -> None:
    assert under("no-gps", b"", text.encode(encoding)) == (b"", b"")
    assert under("keep", b"", text.encode(encoding)) == (b"", text.encode(encoding))
    assert under("no-gps", b"", _XMP) == (b"", _XMP)


def test_a_damaged_exif_block_does_not_cost_the_picture(color: Any, save_as: Any) -> None:
    damaged = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" * 9
    photo = decode(save_as(Image.fromarray(color), "PNG", exif=damaged), "photo")
    np.testing.assert_array_equal(photo.pixels, color)
    assert b"\xff\xff" not in photo.exif
