"""The bytes of a key file, version 1.

    at          bytes   what
    0           5       magic "AMKEY"
    5           1       version, 1
    6           2       length n of the header, big-endian, at most 512
    8           n       header, canonical JSON (`header`)
    8 + n       m       unlocked: the secret; locked: AES-256-GCM of it, 16 bytes longer
    8 + n + m   32      unlocked only: SHA-256 of all before

The file ends there. m follows from the kind: 32 (48 locked), or for a network 1 byte to 64 MiB.
Locked, all that stands before the secret is authenticated with it, as associated data, and the
GCM key is Argon2id of the passphrase. Unlocked, the checksum finds damage, not malice: who can
write the file can put another key there. An unlocked file is therefore refused where a passphrase
is given.
"""

import hashlib
import hmac
from dataclasses import dataclass

from anamorph.errors import BadKey, DamagedKey, WrongPassphrase
from anamorph.keys import lock as locks
from anamorph.keys.header import Header, dump, load
from anamorph.keys.key import LARGEST_NETWORK, Key, Secret, secret_sizes

VERSION = 1

_MAGIC = b"AMKEY"
_START = len(_MAGIC) + 1 + 2
_LARGEST_HEADER = 512
_CHECKSUM_SIZE = 32

LARGEST_FILE = _START + _LARGEST_HEADER + LARGEST_NETWORK + _CHECKSUM_SIZE


@dataclass(frozen=True, slots=True)
class Envelope:
    """A key file taken apart; its secret, if it is locked, not yet opened."""

    header: Header
    before: bytes
    """All that stands before the secret: what is authenticated with it."""
    payload: bytes


def encode(key: Key, passphrase: bytes | None, cost: locks.Cost) -> bytes:
    """The key as a file, locked if there is a passphrase.

    Raises:
        UsageError: an empty passphrase.
    """
    lock = None if passphrase is None else locks.new_lock(cost)
    about = Header(kind=key.kind, fingerprint=key.fingerprint, created=key.created, lock=lock)
    header = dump(about)
    before = _MAGIC + bytes([VERSION]) + len(header).to_bytes(2, "big") + header
    secret = key.secret.reveal()
    if lock is None or passphrase is None:
        return before + secret + hashlib.sha256(before + secret).digest()
    return before + locks.close(lock, secret, passphrase, before)


def parse(data: bytes, name: str) -> Envelope:
    """Take a key file apart; an unlocked one is checked for damage, a locked one for its form.

    Args:
        data: the whole file.
        name: what errors call it.

    Raises:
        DamagedKey: not a key file, or a damaged one.
        BadKey: written by a newer anamorph.
    """
    if not data.startswith(_MAGIC):
        raise DamagedKey(f"{name}: is not a key file; make one with `anamorph key new`")
    if data[5:6] > bytes([VERSION]):
        raise BadKey(
            f"{name}: has version {data[5]}, but this anamorph reads version {VERSION}; upgrade it"
        )
    end = _START + int.from_bytes(data[6:_START], "big")
    header = load(data[_START:end]) if end <= _START + _LARGEST_HEADER else None
    if data[5:6] != bytes([VERSION]) or header is None:
        raise _damaged(name)
    around = locks.TAG_SIZE if header.lock else _CHECKSUM_SIZE
    if len(data) - end - around not in secret_sizes(header.kind):
        raise _damaged(name)
    if header.lock:
        return Envelope(header, data[:end], data[end:])
    body, checksum = data[:-_CHECKSUM_SIZE], data[-_CHECKSUM_SIZE:]
    if not hmac.compare_digest(hashlib.sha256(body).digest(), checksum):
        raise _damaged(name)
    return Envelope(header, data[:end], body[end:])


def decode(data: bytes, name: str, passphrase: bytes | None) -> Key:
    """The key in a file.

    Raises:
        DamagedKey, BadKey: as `parse`.
        WrongPassphrase: missing, given for a file without one, or wrong; a locked file whose form
            is right but whose content was damaged says the same as a wrong passphrase.
    """
    envelope = parse(data, name)
    header = envelope.header
    secret = _secret(envelope, name, passphrase)
    key = Key(kind=header.kind, secret=Secret(secret), created=header.created)
    if key.fingerprint != header.fingerprint:
        raise _damaged(name)
    return key


def _secret(envelope: Envelope, name: str, passphrase: bytes | None) -> bytes:
    lock = envelope.header.lock
    if lock is None and passphrase is None:
        return envelope.payload
    if lock is None:
        raise WrongPassphrase(
            f"{name}: is not locked, but a passphrase was given; if this is the key you expected, "
            "leave the passphrase out"
        )
    if passphrase is None:
        raise WrongPassphrase(f"{name}: is locked; give its passphrase with --passphrase-file")
    secret = locks.unlock(lock, envelope.payload, passphrase, envelope.before)
    if secret is None:
        raise WrongPassphrase(
            f"{name}: the passphrase is wrong or the file is damaged; try another passphrase, or "
            "restore the file from a copy"
        )
    return secret


def _damaged(name: str) -> DamagedKey:
    return DamagedKey(f"{name}: is a damaged key file; restore it from a copy")
