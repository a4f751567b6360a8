"""What results are called and how they are labeled, from their bytes."""

from pathlib import PurePosixPath

from anamorph.app.hide.revealing import safe_name
from anamorph.errors import FileError

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"II*\x00", "image/tiff", ".tiff"),
    (b"MM\x00*", "image/tiff", ".tiff"),
    (b"BM", "image/bmp", ".bmp"),
)
_WEBP = ("image/webp", ".webp")
_JSON = "application/json"

OTHER = "application/octet-stream"

MEDIA = (*sorted({media for _, media, _ in _STARTS}), _WEBP[0], _JSON, OTHER)
"""All that results can be."""


def media_type(data: bytes, suffix: str = "") -> str:
    """The media type of a result.

    Example:
        >>> media_type(b"BM...."), media_type(b"?")
        ('image/bmp', 'application/octet-stream')
    """
    return _kind(data, suffix)[0]


def media_suffix(data: bytes, suffix: str = "") -> str:
    """The suffix that a result is kept under."""
    return _kind(data, suffix)[1]


def result_name(name: str, kept: str) -> str:
    """What a result is called: the upload's name, with the suffix of what it became.

    Names that would lead out of a folder lose their folders.

    Example:
        >>> result_name("beach/me.jpg", "3-1.png"), result_name("../me.jpg", "3-1.png")
        ('beach/me.png', 'me.png')
    """
    try:
        path = safe_name(name.replace("\\", "/"))
    except FileError:
        path = PurePosixPath(PurePosixPath(name.replace("\\", "/")).name or "result")
    suffix = PurePosixPath(kept).suffix
    named = path if path.name not in ("", "..") else PurePosixPath("result")
    return str(named.with_suffix(suffix)) if suffix else str(named)


def kept_suffix(name: str) -> str:
    """The suffix under which an upload is kept: that of features says what they are.

    Example:
        >>> kept_suffix("faces.NPZ"), kept_suffix("photo.jpg")
        ('.npz', '')
    """
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in (".npz", ".parquet") else ""


def _kind(data: bytes, suffix: str) -> tuple[str, str]:
    if suffix == ".json":
        return _JSON, suffix
    if suffix:
        return OTHER, suffix
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _WEBP
    for start, media, own in _STARTS:
        if data.startswith(start):
            return media, own
    return OTHER, ""
