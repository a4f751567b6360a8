"""HKDF-SHA256 (RFC 5869): many independent secrets from one."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hkdf(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
    r"""`size` bytes that tell nothing of the secret, nor of what another salt or info gives.

    Example:
        >>> hkdf(b"\x0b" * 22, salt=b"", info=b"", size=8).hex()  # RFC 5869, A.3
        '8da4e775a563c18f'
    """
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(secret)
