"""From one key, secrets for every picture: subkeys, streams, permutations, signs, normal numbers.

A subkey serves one picture and one purpose. What is drawn from it depends on nothing but its 32
bytes: the same on every machine and with every version of the libraries. (Normal numbers go through
a logarithm, a sine and a cosine: the same up to their last binary digits.)
"""

import re
import secrets

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from anamorph.errors import UsageError
from anamorph.keys.hkdf import hkdf
from anamorph.keys.key import Key

NONCE_SIZE = 16
"""Bytes of a picture's public nonce: two of 2^32 pictures share one with probability 2^-65."""

SUBKEY_SIZE = 32

LARGEST_PERMUTATION = 2**28
"""Values a permutation may have: a picture of 89 megapixels in three colors."""

_VERSION = 1
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9-]*")
_LANE_SIZE = 8


def new_nonce() -> bytes:
    """A fresh public nonce, for one picture."""
    return secrets.token_bytes(NONCE_SIZE)


def subkey(key: Key, nonce: bytes, purpose: str) -> bytes:
    """The 32 bytes of one picture for one purpose: HKDF-SHA256 with the nonce as salt.

    The label is `anamorph/<version>/<kind>/<purpose>`. A subkey found out tells nothing of the
    key, nor of any other subkey.

    Args:
        key: the master key.
        nonce: 16 random bytes that stand beside the picture; see `new_nonce`.
        purpose: lower-case letters, digits and hyphens.

    Raises:
        UsageError: a nonce or a purpose of another form.
    """
    if len(nonce) != NONCE_SIZE:
        raise UsageError(f"a nonce has {NONCE_SIZE} bytes, not {len(nonce)}; use new_nonce()")
    if not _PURPOSE.fullmatch(purpose):
        raise UsageError(f"purpose {purpose!r} must be lower-case letters, digits and hyphens")
    label = f"anamorph/{_VERSION}/{key.kind}/{purpose}".encode("ascii")
    return hkdf(key.secret.reveal(), salt=nonce, info=label, size=SUBKEY_SIZE)


def stream(subkey: bytes, size: int) -> bytes:
    """`size` bytes that nobody without the subkey tells from random ones: AES-256 in CTR mode.

    A longer stream begins with the shorter ones. The permutation, the signs and the normal numbers
    of the same subkey are drawn from counters of their own, so all may be used together.

    Example:
        >>> stream(bytes(32), 4).hex(), stream(bytes(32), 6).hex()
        ('9bd5d0b0', '9bd5d0b080c9')

    Raises:
        UsageError: a subkey that is not of 32 bytes, or a negative size.
    """
    return _draw(_cipher(subkey, b"stream"), size)


def permutation(subkey: bytes, n: int) -> NDArray[np.int64]:
    """A uniformly random order of 0 .. n - 1: `values[permutation(subkey, n)]` is the shuffle.

    n words of 64 bits are drawn and ranked; if two are equal, all are thrown away and drawn again
    (probability below n^2 / 2^65: 2^-30 for a picture of 3 x 224 x 224). Given that all words
    differ, every ranking is equally likely: for an ideal stream the order is exactly uniform. For
    AES-256-CTR it is uniform up to what tells n / 2 distinct blocks from random ones, less than
    n^2 / 2^131: 2^-96 for that picture, 2^-75 at the largest n.

    Raises:
        UsageError: a subkey that is not of 32 bytes, or n outside 0 .. 2^28.
    """
    if n > LARGEST_PERMUTATION:
        raise UsageError(f"cannot permute {n} values, only {LARGEST_PERMUTATION}; use tiles")
    cipher = _cipher(subkey, b"permute")
    while True:
        order = _ranking(np.frombuffer(_draw(cipher, 8 * n), dtype="<u8"))
        if order is not None:
            return order


def inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order that undoes this one.

    Example:
        >>> order = np.array([2, 0, 1])
        >>> np.array([7, 8, 9])[order][inverse(order)]
        array([7, 8, 9])
    """
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back


def signs(subkey: bytes, n: int) -> NDArray[np.int8]:
    """n values, each 1 or -1 with equal probability.

    Raises:
        UsageError: a subkey that is not of 32 bytes, or a negative n.
    """
    _check_count(n)
    packed = _draw(_cipher(subkey, b"signs"), (n + 7) // 8)
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")[:n]
    return 1 - 2 * bits.astype(np.int8)


def normals(subkey: bytes, n: int) -> NDArray[np.float64]:
    """n independent standard normal numbers: Box and Muller's, from words of 64 bits.

        z_1 = r cos(2 pi v),  z_2 = r sin(2 pi v),  r = sqrt(-2 ln(1 - u)),  u, v in [0, 1)

    u and v have 53 bits each, so no number is beyond 8.6, where a normal one is once in 10^16.

    Raises:
        UsageError: a subkey that is not of 32 bytes, or a negative n.
    """
    _check_count(n)
    words = np.frombuffer(_draw(_cipher(subkey, b"normals"), 16 * ((n + 1) // 2)), dtype="<u8")
    u, v = (words >> np.uint64(11)).astype(np.float64).reshape(-1, 2).T / 2**53
    radius, angle = np.sqrt(-2 * np.log1p(-u)), 2 * np.pi * v
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1).reshape(-1)[:n]


def _cipher(subkey: bytes, lane: bytes) -> CipherContext:
    """A key stream whose counter begins with the lane's name, so that lanes never overlap."""
    if len(subkey) != SUBKEY_SIZE:
        raise UsageError(f"a subkey has {SUBKEY_SIZE} bytes, not {len(subkey)}; see `subkey`")
    counter = lane.ljust(_LANE_SIZE, b"\0") + bytes(16 - _LANE_SIZE)
    return Cipher(AES256(subkey), CTR(counter)).encryptor()


def _check_count(n: int) -> None:
    if n < 0:
        raise UsageError(f"cannot draw {n} of them; ask for 0 or more")


def _draw(cipher: CipherContext, size: int) -> bytes:
    _check_count(size)
    return cipher.update(bytes(size))


def _ranking(words: NDArray[np.uint64]) -> NDArray[np.int64] | None:
    """Indices that sort the words, or None if two are equal: then sorting would not be fair."""
    order = np.argsort(words)
    ranked = words[order]
    if (ranked[1:] == ranked[:-1]).any():
        return None
    return order.astype(np.int64, copy=False)
