"""Keys that requests bring along: sealed while they wait, forgotten when their job has ended.

The sealing key is made when the service starts and is never written down. Whoever gets the database
or the disk has no keys; after a restart jobs that still need theirs fail and say so.
"""

import base64
import json
from datetime import datetime
from pathlib import Path

from anamorph.errors import BadKey, TooLarge, WrongKey
from anamorph.keys import encoding, sealing
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.key import Key, Secret

LARGEST = 64 * 1024
"""Bytes of a key file that is sent; network keys are larger, and are for the operator to name."""


class Keyring:
    """Seals and opens keys under one that lives as long as the service."""

    def __init__(self, own: Key) -> None:
        self._own = own

    @classmethod
    def new(cls) -> "Keyring":
        """With a fresh key."""
        return cls(keys.new("sealed"))

    @classmethod
    def load(cls, text: str) -> "Keyring":
        """What `dump` told a worker."""
        secret, created = json.loads(text)
        when = datetime.fromisoformat(created)
        return cls(Key(kind="sealed", secret=Secret(bytes.fromhex(secret)), created=when))

    def dump(self) -> str:
        """For a worker's standard input, and for nothing else."""
        return json.dumps([self._own.secret.reveal().hex(), self._own.created.isoformat()])

    def seal(self, key: Key, job: str) -> bytes:
        """A key as the queue may hold it."""
        told = {
            "kind": key.kind,
            "secret": base64.b64encode(key.secret.reveal()).decode("ascii"),
            "created": key.created.isoformat(),
        }
        return sealing.seal(json.dumps(told).encode(), self._own, job.encode())

    def open(self, sealed: bytes, job: str) -> Key:
        """The key of a job.

        Raises:
            BadKey: it was sealed before the service was started anew.
        """
        try:
            told = json.loads(sealing.open_sealed(sealed, self._own, job.encode()))
        except WrongKey:
            raise BadKey(
                "the service was started anew and has forgotten the key that was sent; send the "
                "request again"
            ) from None
        secret = Secret(base64.b64decode(told["secret"]))
        return Key(
            kind=told["kind"], secret=secret, created=datetime.fromisoformat(told["created"])
        )


def sent(data: bytes, passphrase: str | None) -> Key:
    """The key in a file that was sent.

    Raises:
        TooLarge: no key that is sent is as large.
        BadKey: not a key file, damaged, or the passphrase is wrong, missing or not wanted.
    """
    if len(data) > LARGEST:
        raise TooLarge(
            f"the key has more than {LARGEST:,} bytes; the operator can give it a name here"
        )
    return encoding.decode(data, "the key", passphrase.encode() if passphrase else None)


def named(file: str) -> Key:
    """The key in one of the operator's files.

    Raises:
        FileError, BadKey: it cannot be read.
    """
    return key_file.read(Path(file))
