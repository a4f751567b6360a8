from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from anamorph.errors import NotWritten, Unsupported, UsageError
from anamorph.files.decoding import Kind
from anamorph.files.encoding import Format, encode
from anamorph.files.metadata import Metadata
from anamorph.files.photo import Photo, decode, pixel_digest

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_LOSSLESS: tuple[Kind, ...] = ("png", "webp", "tiff", "bmp")


def _photo(
    pixels: Any, *, alpha: Any = None, kind: Kind = "png", icc: bytes = b"", mode: str = "RGB"
) -> Photo:
    return Photo(
        name="photos/photo.x",
        pixels=pixels,
        alpha=alpha,
        format=kind,
        mode=mode,
        icc=icc,
        exif=b"",
        xmp=b"",
        digest=pixel_digest(pixels),
    )


@st.composite
def _photos(draw: st.DrawFn) -> Photo:
    kind = draw(st.sampled_from(_LOSSLESS))
    height, width = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    channels = draw(st.sampled_from([1, 3]))
    dtypes: list[Any] = [np.uint8, np.uint16] if kind in ("png", "tiff") else [np.uint8]
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    top = np.iinfo(dtype).max
    pixels = rng.integers(0, top, (height, width, channels), dtype=dtype, endpoint=True)
    alpha = None
    readable = kind != "bmp" and (kind, channels, dtype) != ("tiff", 1, np.uint16)
    if readable and draw(st.booleans()):
        alpha = rng.integers(0, top, (height, width), dtype=dtype, endpoint=True)
        alpha[0, 0] = 0
    icc = b"" if kind == "bmp" else draw(st.sampled_from([b"", _SRGB]))
    return _photo(pixels, alpha=alpha, kind=kind, icc=icc)


@settings(max_examples=150)
@given(photo=_photos(), keep=st.booleans(), policy=st.sampled_from(get_args(Metadata)))
def test_lossless_files_decode_to_exactly_what_was_given(
    photo: Photo, keep: bool, policy: Metadata
) -> None:
    pixels = np.iinfo(photo.pixels.dtype).max - photo.pixels
    data = encode(photo, pixels, format="keep" if keep else "png", metadata=policy)
    again = decode(data, "again")
    assert again.format == (photo.format if keep else "png")
    expected = pixels
    if again.format == "webp" and pixels.shape[2] == 1:
        expected = np.repeat(pixels, 3, axis=2)
    np.testing.assert_array_equal(again.pixels, expected)
    assert again.pixels.dtype == photo.pixels.dtype
    assert again.icc == photo.icc
    if photo.alpha is None:
        assert again.alpha is None
    else:
        np.testing.assert_array_equal(again.alpha, photo.alpha)


@pytest.mark.parametrize("format", ["png", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_under_alpha_0_are_kept(channels: int, format: Format, color: Any) -> None:
    clear = np.zeros(color.shape[:2], np.uint8)
    photo = _photo(np.ascontiguousarray(color[:, :, :channels]), alpha=clear)
    again = decode(encode(photo, photo.pixels, format=format), "again")
    np.testing.assert_array_equal(again.pixels[:, :, :channels], photo.pixels)
    np.testing.assert_array_equal(again.alpha, clear)


def test_jpeg_is_kept_as_fine_jpeg_with_full_color(srgb: bytes, save_as: Any) -> None:
    astronaut = skimage.data.astronaut()[::8, ::8]
    photo = decode(save_as(Image.fromarray(astronaut), "JPEG", icc_profile=srgb), "photo")
    data = encode(photo, photo.pixels, format="keep")
    again = decode(data, "again")
    assert (again.format, again.icc) == ("jpeg", srgb)
    components = data.index(b"\xff\xc0") + 9
    assert data[components + 2] == 0x11  # luma sampled as often as color
    off = np.abs(again.pixels.astype(int) - photo.pixels)
    assert off.mean() < 1.5
    coarse = decode(encode(photo, photo.pixels, format="keep", quality=30), "coarse")
    assert np.abs(coarse.pixels.astype(int) - photo.pixels).mean() > 2 * off.mean()


def test_a_grey_jpeg_stays_grey(color: Any, save_as: Any) -> None:
    photo = decode(save_as(Image.fromarray(color[:, :, 0].copy()), "JPEG"), "photo")
    assert decode(encode(photo, photo.pixels, format="keep"), "again").pixels.shape == (5, 7, 1)


def test_16_bit_color_png_is_still_16_bit(deep: Any, srgb: bytes) -> None:
    photo = _photo(np.ascontiguousarray(deep[:, :, :3]), icc=srgb)
    data = encode(photo, photo.pixels)
    assert (data[24], data[25]) == (16, 2)
    assert decode(data, "again").icc == srgb


def test_what_a_format_cannot_hold_is_refused_with_one_that_can(color: Any, deep: Any) -> None:
    with pytest.raises(Unsupported, match=r"photos/photo\.x: WebP cannot hold 16 bits; use .* png"):
        encode(_photo(deep[:, :, :3]), deep[:, :, :3], format="webp")
    wide = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(Unsupported, match=r"WebP ends at 16383 a side; use --format png"):
        encode(_photo(wide), wide, format="webp")
    with pytest.raises(Unsupported, match="BMP would lose the transparency; use --format png"):
        encode(_photo(color, alpha=color[:, :, 0], kind="bmp"), color, format="keep")


def test_pixels_that_do_not_fit_the_photo_are_refused(color: Any) -> None:
    photo = _photo(color)
    for wrong in (color[:-1], color[:, :, :1], color.astype(np.float32)):
        with pytest.raises(UsageError, match="give the same shape and type"):
            encode(photo, wrong)


def test_an_encoder_that_fails_says_so(color: Any) -> None:
    photo = replace(_photo(color, kind="jpeg"), xmp=bytes(70_000))
    with pytest.raises(NotWritten, match=r"photos/photo\.x: cannot be encoded as jpeg"):
        encode(photo, color, format="keep")
