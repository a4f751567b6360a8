"""Sealing: bytes that only the key opens, and whose length tells little.

    sealed = nonce (16) || AES-256-GCM(subkey(key, nonce, "seal"), length (8) || plaintext || zeros)

Every byte of it looks random. A subkey serves one message only, so its GCM nonce is constant.

The inside is padded as Padmé does (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files
and Communication with PURBs", PETS 2019): a length of E + 1 bits keeps its first bit and as many
more as E has, and is rounded up in the others; the least is 256 bytes. Fixed steps would be coarse
for small pictures and fine for large ones; these grow with the length. The price is at most
6.3 % (3.1 % from 64 KiB up); the length of anything up to 16 MiB then tells at most 8.6 bits
instead of 24, and among pictures within a factor of two at most 5.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anamorph.errors import TooLarge, WrongKey
from anamorph.keys.derive import NONCE_SIZE, new_nonce, subkey
from anamorph.keys.key import Key

LARGEST = 2**30
"""Bytes that can be sealed at once."""

_PURPOSE = "seal"
_GCM_NONCE = bytes(12)
_TAG_SIZE = 16
_LENGTH_SIZE = 8
_LEAST = 256


def seal(plaintext: bytes, key: Key, associated: bytes) -> bytes:
    """Encrypt and authenticate; every call gives other bytes.

    Args:
        plaintext: what only the key may reveal; its exact length stays hidden as well.
        key: of any kind; kinds never open each other's seals.
        associated: public bytes, not contained in the result, that must be the same for opening.

    Raises:
        TooLarge: more than 1 GiB.
    """
    if len(plaintext) > LARGEST:
        raise TooLarge(f"cannot seal {len(plaintext)} bytes, only {LARGEST}; split the picture")
    nonce = new_nonce()
    inside = len(plaintext).to_bytes(_LENGTH_SIZE, "big") + plaintext
    inside = inside.ljust(_padded(len(inside)), b"\0")
    return nonce + _aead(key, nonce).encrypt(_GCM_NONCE, inside, associated)


def open_sealed(sealed: bytes, key: Key, associated: bytes) -> bytes:
    """Check and decrypt what `seal` made.

    Raises:
        WrongKey: another key, other associated bytes, or sealed bytes that were changed or cut.
            One message for all, which helps nobody who is guessing.
    """
    nonce, ciphertext = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
    if len(ciphertext) < _LEAST + _TAG_SIZE:
        raise _refusal(key)
    try:
        inside = _aead(key, nonce).decrypt(_GCM_NONCE, ciphertext, associated)
    except InvalidTag:
        raise _refusal(key) from None
    length = int.from_bytes(inside[:_LENGTH_SIZE], "big")
    if len(inside) != _padded(_LENGTH_SIZE + length):
        raise _refusal(key)
    return inside[_LENGTH_SIZE : _LENGTH_SIZE + length]


def sealed_size(size: int) -> int:
    """How many bytes `seal` makes of `size` bytes.

    Example:
        >>> sealed_size(0), sealed_size(100_000), sealed_size(100_001)
        (288, 100384, 100384)
    """
    return NONCE_SIZE + _padded(_LENGTH_SIZE + size) + _TAG_SIZE


def _padded(length: int) -> int:
    if length <= _LEAST:
        return _LEAST
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def _aead(key: Key, nonce: bytes) -> AESGCM:
    return AESGCM(subkey(key, nonce, _PURPOSE))


def _refusal(key: Key) -> WrongKey:
    return WrongKey(
        f"key {key.fingerprint} does not open this, or it was changed since it was sealed; "
        "use the key it was sealed with and the unchanged file"
    )
