"""The header of a key file: what anyone may know, as canonical JSON.

    {"created":"2026-05-04T03:02:01Z","fingerprint":"…","kind":"sealed","lock":null}
    "lock":{"kdf":"argon2id","lanes":4,"memory_kib":65536,"nonce":"…","passes":3,"salt":"…"}

Canonical means: these names and no others, sorted, no spaces, ASCII, bytes in lower-case hex. A
header has one form only, so reading accepts exactly what writing would have written.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anamorph.errors import ParameterError
from anamorph.keys.key import KINDS, Kind
from anamorph.keys.lock import NONCE_SIZE, SALT_SIZE, Cost, Lock

_KDF = "argon2id"
_FINGERPRINT = re.compile(r"[0-9a-f]{4}(-[0-9a-f]{4}){4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a key file says of its key without the passphrase."""

    kind: Kind
    fingerprint: str
    created: datetime
    lock: Lock | None


def dump(header: Header) -> bytes:
    """The one form of this header."""
    fields = {
        "created": header.created.isoformat().removesuffix("+00:00") + "Z",
        "fingerprint": header.fingerprint,
        "kind": header.kind,
        "lock": None if header.lock is None else _lock_fields(header.lock),
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")


def load(raw: bytes) -> Header | None:
    """The header these bytes are, or None if they are not one in its one form."""
    try:
        header = _header(json.loads(raw))
        return header if dump(header) == raw else None
    except (KeyError, TypeError, ValueError, RecursionError, ParameterError):
        return None


def _header(fields: Any) -> Header:
    kind, fingerprint = fields["kind"], fields["fingerprint"]
    if kind not in KINDS or not _FINGERPRINT.fullmatch(fingerprint):
        raise ValueError
    created = datetime.fromisoformat(fields["created"])
    lock = None if fields["lock"] is None else _lock(fields["lock"])
    return Header(kind=kind, fingerprint=fingerprint, created=created, lock=lock)


def _lock(fields: Any) -> Lock:
    salt, nonce = bytes.fromhex(fields["salt"]), bytes.fromhex(fields["nonce"])
    if (len(salt), len(nonce)) != (SALT_SIZE, NONCE_SIZE):
        raise ValueError
    cost = Cost(memory_kib=fields["memory_kib"], passes=fields["passes"], lanes=fields["lanes"])
    return Lock(cost=cost, salt=salt, nonce=nonce)


def _lock_fields(lock: Lock) -> dict[str, str | int]:
    return {
        "kdf": _KDF,
        "lanes": lock.cost.lanes,
        "memory_kib": lock.cost.memory_kib,
        "nonce": lock.nonce.hex(),
        "passes": lock.cost.passes,
        "salt": lock.salt.hex(),
    }
