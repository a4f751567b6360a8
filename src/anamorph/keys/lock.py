"""A passphrase on a key file: Argon2id makes a key of it, AES-256-GCM locks the secret.

The costs stand in the file, so that they can grow later; their bounds hold before Argon2id runs, so
that no file can make it take all the memory (at most 256 MiB) or minutes (at most 10 passes).
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from anamorph.errors import ParameterError, UsageError
from anamorph.parameters import check, knob

SALT_SIZE = 16
NONCE_SIZE = 12
TAG_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What trying one passphrase costs; the defaults are the second choice of RFC 9106.

    Raises:
        ParameterError: outside the bounds, or not a whole number.
    """

    memory_kib: int = knob(64 * 2**10, "Memory of Argon2id, KiB.", at_least=2**13, at_most=2**18)
    passes: int = knob(3, "Passes over that memory.", symbol="t", at_least=1, at_most=10)
    lanes: int = knob(4, "Lanes that could run at once.", symbol="p", at_least=1, at_most=4)

    def __post_init__(self) -> None:
        for value in (self.memory_kib, self.passes, self.lanes):
            if type(value) is not int:
                raise ParameterError(f"a cost is {value!r}, but must be a whole number")
        check(self)


STANDARD = Cost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The public half of a lock: with the passphrase it locks or unlocks one secret."""

    cost: Cost
    salt: bytes
    nonce: bytes


def new_lock(cost: Cost) -> Lock:
    """A lock that was never used; each serves one secret once."""
    salt, nonce = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(NONCE_SIZE)
    return Lock(cost=cost, salt=salt, nonce=nonce)


def close(lock: Lock, secret: bytes, passphrase: bytes, associated: bytes) -> bytes:
    """The secret, locked: 16 bytes longer.

    Raises:
        UsageError: an empty passphrase.
    """
    if not passphrase:
        raise UsageError("the passphrase is empty; give one, or leave the key without")
    return AESGCM(_stretch(lock, passphrase)).encrypt(lock.nonce, secret, associated)


def unlock(lock: Lock, locked: bytes, passphrase: bytes, associated: bytes) -> bytes | None:
    """The secret, or None: a wrong passphrase and damage are not told apart."""
    try:
        return AESGCM(_stretch(lock, passphrase)).decrypt(lock.nonce, locked, associated)
    except InvalidTag:
        return None


def _stretch(lock: Lock, passphrase: bytes) -> bytes:
    return Argon2id(
        salt=lock.salt,
        length=32,
        iterations=lock.cost.passes,
        lanes=lock.cost.lanes,
        memory_cost=lock.cost.memory_kib,
    ).derive(passphrase)
