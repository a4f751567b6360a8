"""What a picture says besides its pixels, and what of that may leave the house.

A thumbnail or a preview shows the picture as it was before it was protected, so nothing that can
hold one is ever kept: the thumbnail directory (IFD1), maker notes, opaque values above 4 KiB,
XMP with embedded pictures, and every tag of the first directory that is not known to be text,
a date, a rating or a resolution.
"""

import re
from typing import Literal, TypeAlias

from PIL import Image

Metadata: TypeAlias = Literal["keep", "strip", "no-gps"]
"""What happens to EXIF and XMP: kept, removed, or kept without the place."""

_ORIENTATION, _EXIF, _GPS = 0x0112, 0x8769, 0x8825
_MAKER_NOTE, _INTEROPERABILITY = 0x927C, 0xA005
_OPAQUE_BYTES = 4096
_DESCRIPTIVE = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432}
    | {40091, 40092, 40093, 40094, 40095}
)
"""Description, maker, model, resolution, software, date, artist, rating, copyright, title."""

_PICTURES_IN_XMP = (b"thumbnail", b"xmpgimg", b"gimage:", b"gdepth:", b"container:")


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where it is missing or makes no sense."""
    try:
        value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block raises anything, and must not cost the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def exif_of(image: Image.Image) -> bytes:
    """EXIF for a picture already turned upright, without anything that can show it.

    Returns:
        What `Image.save(exif=...)` takes; empty without EXIF or where it is damaged.
    """
    try:
        return _rebuilt(Image.Image.getexif(image), gps=True)
    except Exception:  # as above
        return b""


def xmp_of(image: Image.Image) -> bytes:
    """XMP for a picture already turned upright; empty when it embeds pictures."""
    xmp = image.info.get("xmp", b"")
    if not isinstance(xmp, bytes) or any(word in _folded(xmp) for word in _PICTURES_IN_XMP):
        return b""
    return re.sub(rb"""(tiff:Orientation(?:=["']|>))\d""", rb"\g<1>1", xmp)


def under(policy: Metadata, exif: bytes, xmp: bytes) -> tuple[bytes, bytes]:
    """EXIF and XMP as the policy lets them out; XMP that speaks of GPS goes as a whole."""
    if policy == "strip":
        return b"", b""
    if policy == "no-gps":
        return _without_gps(exif), b"" if b"gps" in _folded(xmp) else xmp
    return exif, xmp


def _without_gps(exif: bytes) -> bytes:
    if not exif:
        return b""
    source = Image.Exif()
    source.load(exif)
    return _rebuilt(source, gps=False)


def _rebuilt(source: Image.Exif, *, gps: bool) -> bytes:
    kept = Image.Exif()
    for tag in _DESCRIPTIVE.intersection(source):
        kept[tag] = _bytes_of_text(source[tag])
    for directory in (_EXIF, _GPS) if gps else (_EXIF,):
        if values := _harmless(source.get_ifd(directory)):
            kept[directory] = values
    if not len(kept):
        return b""
    kept[_ORIENTATION] = 1
    return kept.tobytes()


def _harmless(directory: dict[int, object]) -> dict[int, object]:
    return {
        tag: value
        for tag, value in directory.items()
        if tag not in (_MAKER_NOTE, _INTEROPERABILITY)
        and not (isinstance(value, bytes | tuple) and len(value) > _OPAQUE_BYTES)
    }


def _bytes_of_text(value: object) -> object:
    """Pillow reads text as Latin-1 and writes it as ASCII: hand the bytes through unharmed."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1")
    return value


def _folded(xmp: bytes) -> bytes:
    """Lower case, and UTF-16 as if it were UTF-8, so that words are found in both."""
    return xmp.replace(b"\0", b"").lower()
