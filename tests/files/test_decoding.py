import io
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from anamorph.errors import NotAnImage, TooLarge, Unsupported
from anamorph.files import decoding, extra
from anamorph.files.photo import decode


def _tiff(samples: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "channels", "alpha"),
    [("1", 1, False), ("L", 1, False), ("LA", 1, True), ("P", 3, False), ("RGBA", 3, True)],
)
def test_modes_become_grey_or_rgb_with_alpha_aside(
    mode: str, channels: int, alpha: bool, color: Any, save_as: Any
) -> None:
    image = Image.fromarray(color).convert(mode)
    if alpha:
        image.putalpha(Image.fromarray(color[:, :, 0]))
    photo = decode(save_as(image, "PNG"), "photo")
    expected = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    np.testing.assert_array_equal(photo.pixels.squeeze(), expected)
    assert photo.mode == mode
    if alpha:
        np.testing.assert_array_equal(photo.alpha, color[:, :, 0])
    else:
        assert photo.alpha is None


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_a_transparent_color_becomes_alpha(mode: str, save_as: Any) -> None:
    black_and_white = Image.fromarray(np.array([[0, 255, 0]], np.uint8)).convert(mode)
    clear: Any = (0, 0, 0) if mode == "RGB" else black_and_white.getpixel((0, 0))
    photo = decode(save_as(black_and_white, "PNG", transparency=clear), "photo")
    assert photo.alpha is not None
    assert photo.alpha.tolist() == [[0, 255, 0]]


def test_a_transparent_color_of_16_bit_grey_becomes_alpha(deep: Any, save_as: Any) -> None:
    grey = np.ascontiguousarray(deep[:, :, 0])
    data = save_as(Image.fromarray(grey), "PNG", transparency=int(grey[2, 3]))
    photo = decode(data, "photo")
    np.testing.assert_array_equal(photo.pixels[:, :, 0], grey)
    assert photo.alpha is not None
    assert photo.alpha.dtype == np.uint16
    np.testing.assert_array_equal(photo.alpha == 0, grey == grey[2, 3])


def test_cmyk_goes_through_pillow_and_leaves_its_profile_behind(
    color: Any, srgb: bytes, save_as: Any
) -> None:
    cmyk = Image.fromarray(color).convert("CMYK")
    photo = decode(save_as(cmyk, "TIFF", icc_profile=srgb), "photo")
    np.testing.assert_array_equal(photo.pixels, np.asarray(cmyk.convert("RGB")))
    assert (photo.mode, photo.icc) == ("CMYK", b"")


def test_cmyk_with_a_usable_profile_is_converted_through_it(
    color: Any, srgb: bytes, save_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def convert(image: Image.Image, ink: Any, screen: Any, *, outputMode: str) -> Image.Image:  # noqa: N803
        asked.append((image.mode, ink.tobytes(), outputMode))
        return Image.fromarray(color)

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    cmyk = Image.fromarray(color).convert("CMYK")
    photo = decode(save_as(cmyk, "TIFF", icc_profile=srgb), "photo")
    assert asked == [("CMYK", srgb, "RGB")]
    np.testing.assert_array_equal(photo.pixels, color)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_keeps_every_bit(channels: int, deep: Any) -> None:
    import imagecodecs

    samples = np.ascontiguousarray(deep[:, :, :channels].squeeze())
    photo = decode(bytes(imagecodecs.png_encode(samples)), "photo")
    stored = deep[:, :, :channels]
    color_channels = 3 if channels > 2 else 1
    np.testing.assert_array_equal(photo.pixels, stored[:, :, :color_channels])
    assert photo.depth == 16
    if channels in (2, 4):
        np.testing.assert_array_equal(photo.alpha, stored[:, :, -1])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_16_bit_tiff_keeps_every_bit(byteorder: str, planar: str, deep: Any) -> None:
    samples = deep if planar == "contig" else np.moveaxis(deep, -1, 0)
    data = _tiff(
        samples,
        photometric="rgb",
        planarconfig=planar,
        byteorder=byteorder,
        extrasamples=["unassalpha"],
        compression="zlib",
    )
    photo = decode(data, "photo")
    np.testing.assert_array_equal(photo.pixels, deep[:, :, :3])
    np.testing.assert_array_equal(photo.alpha, deep[:, :, 3])


def test_white_is_zero_is_turned_round_at_both_depths(deep: Any) -> None:
    grey = deep[:, :, 0]
    photo = decode(_tiff(grey, photometric="miniswhite"), "photo")
    np.testing.assert_array_equal(photo.pixels[:, :, 0], 65535 - grey)
    grey_8 = grey.astype(np.uint8)
    photo = decode(_tiff(grey_8, photometric="miniswhite"), "photo")
    np.testing.assert_array_equal(photo.pixels[:, :, 0], 255 - grey_8)


@pytest.mark.parametrize("kind", [np.float32, np.uint32, np.int16, np.int8, np.int32])
def test_samples_that_are_not_8_or_16_unsigned_bits_are_refused(kind: Any) -> None:
    with pytest.raises(Unsupported, match="save it with 8 or 16 unsigned bits"):
        decode(_tiff(np.ones((4, 4), kind), photometric="minisblack"), "photo")


def test_16_bit_color_that_would_be_guessed_at_is_refused(deep: Any) -> None:
    associated = _tiff(deep, photometric="rgb", extrasamples=["assocalpha"])
    with pytest.raises(Unsupported, match="save it as 16-bit RGB"):
        decode(associated, "photo")


def test_a_raw_file_or_pyramid_is_refused(color: Any) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(color, photometric="rgb", subifds=1)
        file.write(color[::2, ::2], photometric="rgb")
    with pytest.raises(Unsupported, match="export the photo"):
        decode(buffer.getvalue(), "photo")


def test_lab_is_refused(color: Any, save_as: Any) -> None:
    with pytest.raises(Unsupported, match="LAB is not read; save it as RGB"):
        decode(save_as(Image.frombytes("LAB", (7, 5), color.tobytes()), "TIFF"), "photo")


def test_a_missing_library_is_named_with_its_extra(
    deep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _tiff(deep[:, :, :3], photometric="rgb")

    def missing(module: str) -> Any:
        raise ImportError(module)

    monkeypatch.setattr(extra, "import_module", missing)
    with pytest.raises(Unsupported, match=r"photo: .*`pip install 'anamorph\[formats\]'"):
        decode(data, "photo")


def test_an_mpo_is_read_as_its_first_picture(color: Any, save_as: Any) -> None:
    first = Image.fromarray(np.tile(color, (4, 4, 1)))
    data = save_as(first, "MPO", save_all=True, append_images=[Image.new("RGB", (20, 10))])
    photo = decode(data, "phone.mpo")
    assert (photo.format, photo.pixels.shape) == ("jpeg", (20, 28, 3))


@pytest.mark.parametrize("name", ["GIF", "AVIF", "JPEG2000"])
def test_known_pictures_that_are_not_read_say_what_to_do(name: str, save_as: Any) -> None:
    data = save_as(Image.new("RGB", (16, 16)), name)
    with pytest.raises(Unsupported, match="are not read; save it as PNG or JPEG"):
        decode(data, "photo")


def test_a_tiff_of_an_unknown_kind_is_not_called_no_picture(deep: Any) -> None:
    grey_with_alpha = np.ascontiguousarray(deep[:, :, :2])
    data = _tiff(grey_with_alpha, photometric="minisblack", planarconfig="contig")
    with pytest.raises(NotAnImage, match="or one of a kind that is not read; save it as PNG"):
        decode(data, "photo")


def test_an_empty_file_says_so() -> None:
    with pytest.raises(NotAnImage, match=r"nothing\.png: the file is empty"):
        decode(b"", "nothing.png")


def test_memory_running_out_is_too_large() -> None:
    with pytest.raises(TooLarge, match="photo"), decoding.reading("photo"):
        raise MemoryError


def test_reading_in_many_threads_leaves_the_warning_filters_alone(color: Any, save_as: Any) -> None:
    data = save_as(Image.fromarray(color), "PNG")
    before = list(warnings.filters)
    threads = [threading.Thread(target=decode, args=(data, "photo")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
