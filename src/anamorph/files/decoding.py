"""From a file's bytes to samples: which kinds are taken, at what depth, turned upright."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from anamorph.errors import FileError, NotAnImage, TooLarge, Unsupported
from anamorph.files import metadata, png, tiff

Kind: TypeAlias = Literal["jpeg", "png", "webp", "tiff", "bmp"]
"""The formats pictures are read from, and written to with `keep`."""

_KINDS: dict[str, Kind] = {
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tiff",
    "BMP": "bmp",
}
_OPENED = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
"""What Pillow may try; it finds an MPO when it opens a JPEG."""

LARGEST = 2 * (Image.MAX_IMAGE_PIXELS or 0)
"""Pixels beyond which Pillow refuses a picture, whatever limit was asked for."""

_GREY = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"})
_PLAIN = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "PA": "RGBA"}
_WITH_ALPHA = {"1": "LA", "L": "LA", "RGB": "RGBA", "P": "RGBA"}
_OPAQUE = 65535

_REFUSED = (
    (0, b"GIF8", "GIF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftyphev", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypcrx", "camera raw"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
)
"""Pictures that people do have but that are not read: where the mark stands, the mark, the name."""

# Only one thread at a time may swap the filters of `warnings`: two would restore each other's.
_warnings = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An open picture whose header was accepted."""

    image: Image.Image
    name: str
    kind: Kind
    depth: int
    """Bits per sample: 8 or 16."""
    grey: bool
    orientation: int
    """1..8 as in EXIF."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width when upright; Pillow tells them so for TIFF, as stored for others."""
        width, height = self.image.size
        turned = self.orientation > 4 and self.kind != "tiff"
        return (width, height) if turned else (height, width)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever reading a picture raises into a `FileError` that names it; no warnings."""
    try:
        with _warnings, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FileError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{name}: no such file; check the path") from error
    except Image.DecompressionBombError as error:
        raise TooLarge(
            f"{name}: more pixels than are decoded under any limit ({LARGEST:,}); save it smaller"
        ) from error
    except MemoryError as error:
        raise TooLarge(f"{name}: too many pixels for the memory; save it smaller") from error
    except OSError as error:
        if error.errno is not None:
            raise FileError(
                f"{name}: cannot be read: {error.strerror}; check its permissions and the disk"
            ) from error
        raise _damaged(name, error) from error
    except Exception as error:  # decoders given hostile bytes raise anything
        raise _damaged(name, error) from error


def opened(stream: BinaryIO, name: str, max_pixels: int) -> Source:
    """A picture whose header is read and whose pixels are not; call it within `reading`.

    Raises:
        NotAnImage: no format that is known.
        TooLarge: more than `max_pixels`.
        Unsupported: a known format that is not read, or several pictures in one file.
    """
    try:
        image = Image.open(stream, formats=_OPENED)
    except UnidentifiedImageError as error:
        raise _unidentified(stream, name) from error
    width, height = image.size
    if width * height > max_pixels:
        raise TooLarge(
            f"{name}: {width} x {height} pixels, but at most {max_pixels:,} are read; "
            "save it smaller or raise the limit"
        )
    kind = _KINDS[image.format or ""]
    if isinstance(image, TiffImageFile):
        tiff.refuse_odd_kinds(image, name)
    if _several(image):
        raise Unsupported(
            f"{name}: holds several pictures (an animation or pages), and a file with one is "
            "expected; save each as its own file"
        )
    depth, grey = _depth(image), image.mode in _GREY or _rawmode(image).startswith("LA")
    if kind == "png":
        _load_if_metadata_is_late(image, stream)
    turned = metadata.orientation(image)
    return Source(image=image, name=name, kind=kind, depth=depth, grey=grey, orientation=turned)


def samples(source: Source, data: bytes) -> NDArray[Any]:
    """The decoded picture, upright: (h, w, n) with n = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.

    Raises:
        Unsupported: a color space that is not taken, or a missing library for 16 bits.
    """
    if source.depth == 8:
        raw, upright = np.asarray(_plain(source)), source.kind == "tiff"
    elif source.image.mode in _GREY:
        raw, upright = _grey_16(source), source.kind == "tiff"
    elif isinstance(source.image, TiffImageFile):
        raw, upright = tiff.decode_16(data, source.image, source.name), False
    else:
        raw, upright = png.decode_16(data, source.name), False
    stacked = raw[:, :, None] if raw.ndim == 2 else raw
    return stacked if upright else _upright(stacked, source.orientation)


def _plain(source: Source) -> Image.Image:
    """The picture as L, LA, RGB or RGBA."""
    image = source.image
    image.load()
    mode = image.mode
    if mode == "CMYK":
        return _rgb_of_cmyk(image)
    if mode in _WITH_ALPHA and "transparency" in image.info:
        return image.convert("L").convert("LA") if mode == "1" else image.convert(_WITH_ALPHA[mode])
    if mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if mode == "P" or mode in _PLAIN:
        return image.convert(_PLAIN.get(mode, "RGB"))
    raise Unsupported(f"{source.name}: color space {mode} is not read; save it as RGB")


def _rgb_of_cmyk(image: Image.Image) -> Image.Image:
    """Through the picture's own profile to sRGB where it has a usable one."""
    if profile := image.info.get("icc_profile"):
        try:
            ink = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            screen = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, ink, screen, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):  # a broken profile says nothing: go without
            pass
    return image.convert("RGB")


def _grey_16(source: Source) -> NDArray[np.uint16]:
    image = source.image
    grey = np.asarray(image).astype(np.uint16, copy=False)
    if isinstance(image, TiffImageFile) and tiff.white_is_zero(image):
        return _OPAQUE - grey
    clear = image.info.get("transparency")
    if clear is None:
        return grey
    return np.dstack([grey, np.where(grey == clear, 0, _OPAQUE).astype(np.uint16)])


def _upright(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of (h, w, n) samples, turned and mirrored as EXIF says."""
    if orientation > 4:
        stored = stored.swapaxes(0, 1)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    across = -1 if orientation in (2, 3, 6, 7) else 1
    return stored[::down, ::across]


def _depth(image: Image.Image) -> int:
    if isinstance(image, TiffImageFile):
        return 16 if tiff.bits_per_sample(image) == 16 else 8
    return 16 if ";16" in _rawmode(image) else 8


def _rawmode(image: Image.Image) -> str:
    """How a PNG stores its samples; Pillow's `mode` says only what it would make of them."""
    if image.format != "PNG":
        return ""
    tiles = getattr(image, "tile", ())
    return str(tiles[0].args) if tiles else ""


def _several(image: Image.Image) -> bool:
    if image.format == "MPO":  # the further pictures of a phone are its previews and depth
        return False
    if not isinstance(image, TiffImageFile):
        return int(getattr(image, "n_frames", 1)) > 1
    try:
        image.seek(1)  # counting all the pages of a hostile file could take for ever
    except EOFError:
        return False
    return True


def _load_if_metadata_is_late(image: Image.Image, stream: BinaryIO) -> None:
    position = stream.tell()
    late = png.metadata_behind_pixels(stream)
    stream.seek(position)
    if late:
        image.load()


def _unidentified(stream: BinaryIO, name: str) -> FileError:
    stream.seek(0)
    start = stream.read(16)
    for offset, mark, known in _REFUSED:
        if start[offset:].startswith(mark):
            return Unsupported(f"{name}: {known} pictures are not read; save it as PNG or JPEG")
    if not start:
        return NotAnImage(f"{name}: the file is empty; expected a picture")
    if start.startswith((b"II", b"MM")):
        return NotAnImage(
            f"{name}: a damaged TIFF, or one of a kind that is not read; save it as PNG"
        )
    return NotAnImage(
        f"{name}: not a picture, or a damaged one; expected JPEG, PNG, WebP, TIFF or BMP"
    )


def _damaged(name: str, error: Exception) -> NotAnImage:
    reason = " ".join(str(error).split()) or type(error).__name__
    return NotAnImage(f"{name}: a damaged picture ({reason}); get an intact copy")
