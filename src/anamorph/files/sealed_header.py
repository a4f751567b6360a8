"""The public header of a sealed picture: 64 bytes in the lowest bits of its first values.

    at    bytes   what, numbers big-endian
    0     8       magic "ANAMORPH"
    8     1       version, 1
    9     1       kind, 1: sealed
    10    1       bits of every value that carry the payload
    11    1       zero
    12    4       height
    16    4       width
    20    8       bytes of the payload
    28    10      fingerprint of the key
    38    16      digest of the service model's weights, its first half
    54    6       zero
    60    4       CRC-32 of all before

The checksum finds damage. Malice is found when the payload is opened: the header is authenticated
with it, as associated data.
"""

import struct
import zlib
from dataclasses import dataclass

from anamorph.errors import FileError
from anamorph.files.lowbits import HEADER_SIZE, MOST_BITS

VERSION = 1

_MAGIC = b"ANAMORPH"
_KIND = 1
_BODY = struct.Struct(">8sBBBxIIQ10s16s6x")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedHeader:
    """What a sealed picture tells anyone."""

    bits: int
    height: int
    width: int
    size: int
    """Bytes of the payload."""
    fingerprint: str
    """Of the key, in groups of four hex digits."""
    model: str
    """The first 32 hex digits of the digest of the service model's weights."""


def dump(header: SealedHeader) -> bytes:
    """The header's 64 bytes."""
    body = _BODY.pack(
        _MAGIC,
        VERSION,
        _KIND,
        header.bits,
        header.height,
        header.width,
        header.size,
        bytes.fromhex(header.fingerprint.replace("-", "")),
        bytes.fromhex(header.model),
    )
    return body + struct.pack(">I", zlib.crc32(body))


def begins(raw: bytes) -> bool:
    """Whether a header once stood here, whole or not: nobody's picture begins so by chance."""
    return raw.startswith(_MAGIC)


def load(raw: bytes, name: str) -> SealedHeader | None:
    """The header these bytes are, or None if they are none, or a damaged one.

    Args:
        raw: 64 bytes.
        name: what errors call the file.

    Raises:
        FileError: written by a newer anamorph.
    """
    body, checksum = raw[: _BODY.size], raw[_BODY.size :]
    if (
        len(raw) != HEADER_SIZE
        or not begins(raw)
        or checksum != struct.pack(">I", zlib.crc32(body))
    ):
        return None
    _, version, kind, bits, height, width, size, fingerprint, model = _BODY.unpack(body)
    if version > VERSION:
        raise FileError(
            f"{name}: was hidden by a newer anamorph (format {version}; this one reads "
            f"{VERSION}); upgrade it"
        )
    header = SealedHeader(
        bits=bits,
        height=height,
        width=width,
        size=size,
        fingerprint=fingerprint.hex("-", 2),
        model=model.hex(),
    )
    sound = version == VERSION and kind == _KIND and 1 <= bits <= MOST_BITS
    return header if sound and dump(header) == raw else None
