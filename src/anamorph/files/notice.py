"""The comment in a hidden picture's file: what it is, for when its pixels no longer say so.

    anamorph 1 permuted 112x112 key 0123-4567-89ab-cdef-0123 model 0123… nonce 0123… levels 0123…

A PNG keeps it in a tEXt chunk called `comment`. Under that name Pillow carries it into the comment
of a JPEG, so it often survives where low bits don't. It is public, and nothing of it is trusted.
"""

import io
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

from anamorph.errors import FileError
from anamorph.files import decoding

KEYWORD = "comment"
VERSION = 1

Hidden: TypeAlias = Literal["sealed", "permuted", "network"]
"""How a picture was hidden: the kind of its key."""

_LONGEST = 1000
_KINDS: dict[str, Hidden] = {"sealed": "sealed", "permuted": "permuted", "network": "network"}
_FORM = re.compile(
    r"anamorph 1 (?P<kind>sealed|permuted|network) (?P<width>\d{1,6})x(?P<height>\d{1,6}) "
    r"key (?P<key>[0-9a-f]{4}(?:-[0-9a-f]{4}){4}) model (?P<model>[0-9a-f]{32})"
    r"(?: nonce (?P<nonce>[0-9a-f]{32}) levels (?P<levels>[0-9a-f]{128}))?"
)
_NEWER = re.compile(r"anamorph ([2-9]|[1-9]\d{1,5}) .*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a hidden picture says of itself."""

    kind: Hidden
    height: int
    width: int
    fingerprint: str
    """Of the key."""
    model: str
    """The first 32 hex digits of the digest of the service model's weights."""
    nonce: bytes = b""
    """16 bytes, of a permuted picture."""
    levels: bytes = b""
    """64 bytes, of a permuted picture: its curve, encrypted."""


def dump(notice: Notice) -> str:
    """The comment."""
    secret = f" nonce {notice.nonce.hex()} levels {notice.levels.hex()}" if notice.nonce else ""
    return (
        f"anamorph {VERSION} {notice.kind} {notice.width}x{notice.height} "
        f"key {notice.fingerprint} model {notice.model}{secret}"
    )


def load(comment: str, name: str) -> Notice | None:
    """The notice in a comment, or None if it is not one.

    Raises:
        FileError: written by a newer anamorph.
    """
    if len(comment) > _LONGEST:
        return None
    if newer := _NEWER.fullmatch(comment):
        raise FileError(
            f"{name}: was hidden by a newer anamorph (format {newer[1]}; this one reads "
            f"{VERSION}); upgrade it"
        )
    found = _FORM.fullmatch(comment)
    if found is None or (found["kind"] == "permuted") != (found["nonce"] is not None):
        return None
    return Notice(
        kind=_KINDS[found["kind"]],
        height=int(found["height"]),
        width=int(found["width"]),
        fingerprint=found["key"],
        model=found["model"],
        nonce=bytes.fromhex(found["nonce"] or ""),
        levels=bytes.fromhex(found["levels"] or ""),
    )


def notice_in(data: bytes, name: str) -> Notice | None:
    """The notice in a picture file's bytes, or None if it holds none.

    Raises:
        NotAnImage: not a picture, or a damaged one.
        FileError: written by a newer anamorph.
    """
    with decoding.reading(name):
        comment = Image.open(io.BytesIO(data)).info.get(KEYWORD, "")
    text = comment.decode("latin-1") if isinstance(comment, bytes) else str(comment)
    return load(text, name)
