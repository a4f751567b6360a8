"""Bytes in the low bits of a picture's values: lossless formats keep them, nothing else does.

Values run as a PNG stores them: row by row, pixel by pixel, red, green, blue.

    values        bits                 what
    0 .. 511      the lowest           the header, 64 bytes, most significant bit first
    512 ..        the `bits` lowest    the payload, most significant bit first, then filler
"""

from dataclasses import dataclass
from math import gcd, isqrt

import numpy as np
from numpy.typing import NDArray

from anamorph.errors import TooLarge, UsageError

HEADER_SIZE = 64
MOST_BITS = 4

_CHANNELS = 3
_HEADER_VALUES = 8 * HEADER_SIZE


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fit:
    """A picture that can carry a payload."""

    height: int
    width: int
    bits: int
    """Low bits of every value that carry the payload, 1..4."""


def capacity(fit: Fit) -> int:
    """Bytes of payload that fit.

    Example:
        >>> capacity(Fit(height=112, width=112, bits=4))
        18560
    """
    values = fit.height * fit.width * _CHANNELS
    return max(0, (values - _HEADER_VALUES) * fit.bits // 8)


def fit(size: int, height: int, width: int, most_pixels: int) -> Fit:
    """The smallest picture, not below height x width and of that aspect, for `size` bytes.

    At the least size the fewest bits that are enough; a larger picture uses all four.

    Example:
        >>> fit(9000, 112, 112, 10**6)
        Fit(height=112, width=112, bits=2)
        >>> fit(20_000, 112, 112, 10**6)
        Fit(height=117, width=117, bits=4)

    Raises:
        TooLarge: that would take more than `most_pixels`.
    """
    for bits in range(1, MOST_BITS + 1):
        least = Fit(height=height, width=width, bits=bits)
        if capacity(least) >= size:
            return least
    unit = gcd(height, width)
    rows, columns = height // unit, width // unit
    values = _HEADER_VALUES + -(-8 * size // MOST_BITS)
    pixels = -(-values // _CHANNELS)
    times = isqrt((pixels - 1) // (rows * columns)) + 1
    if rows * columns * times**2 > most_pixels:
        raise TooLarge(
            f"{size:,} bytes to hide need a picture of {columns * times} x {rows * times} pixels, "
            f"but at most {most_pixels:,} pixels are written; save the photo smaller or raise the "
            "limit"
        )
    return Fit(height=rows * times, width=columns * times, bits=MOST_BITS)


def put(header: bytes, payload: bytes, filler: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """The low bits (h, w, 3) of a picture: values below 2 ** bits.

    Args:
        header: 64 bytes.
        payload: at most `capacity(fit)` bytes.
        filler: (h, w, 3) random bytes for the places that carry nothing.
        fit: the picture.

    Raises:
        UsageError: a header, payload or filler of another size.
    """
    shape = (fit.height, fit.width, _CHANNELS)
    if len(header) != HEADER_SIZE or len(payload) > capacity(fit) or filler.shape != shape:
        raise UsageError(
            f"a header of {len(header)}, a payload of {len(payload)} bytes and filler "
            f"{filler.shape} do not fit {fit}; see `capacity`"
        )
    low: NDArray[np.uint8] = filler.reshape(-1) & np.uint8(2**fit.bits - 1)
    low[:_HEADER_VALUES] &= 0xFE
    low[:_HEADER_VALUES] |= np.unpackbits(np.frombuffer(header, np.uint8))
    stream = np.unpackbits(np.frombuffer(payload, np.uint8))
    groups = np.pad(stream, (0, -len(stream) % fit.bits)).reshape(-1, fit.bits)
    low[_HEADER_VALUES : _HEADER_VALUES + len(groups)] = groups @ _weights(fit.bits)
    return low.reshape(shape)


def header_in(pixels: NDArray[np.uint8]) -> bytes:
    """Where the header of a picture (h, w, 3) would stand; fewer bytes if it is too small."""
    return np.packbits(pixels.reshape(-1)[:_HEADER_VALUES] & 1).tobytes()


def payload_in(pixels: NDArray[np.uint8], bits: int, size: int) -> bytes:
    """The first `size` bytes of the payload of a picture (h, w, 3).

    Raises:
        UsageError: the picture does not hold as many.
    """
    held = capacity(Fit(height=pixels.shape[0], width=pixels.shape[1], bits=bits))
    if size > held or pixels.shape[2:] != (_CHANNELS,):
        raise UsageError(f"a picture of {pixels.shape} holds {held} bytes, but {size} were asked")
    used = -(-8 * size // bits)
    low = pixels.reshape(-1)[_HEADER_VALUES : _HEADER_VALUES + used]
    stream = low[:, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8) & 1
    return np.packbits(stream.reshape(-1)[: 8 * size]).tobytes()


def _weights(bits: int) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), np.arange(bits - 1, -1, -1, dtype=np.uint8))
