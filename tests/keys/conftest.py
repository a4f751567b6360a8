"""One key whose bytes are known, and the smallest lock."""

from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest

from anamorph.keys.key import Key, Secret
from anamorph.keys.lock import Cost


@pytest.fixture(scope="session")
def key() -> Key:
    """The sealed key of 00 01 02 ... 1f."""
    created = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    return Key(kind="sealed", secret=Secret(bytes(range(32))), created=created)


@pytest.fixture(scope="session")
def cheap() -> Cost:
    return Cost(memory_kib=2**13, passes=1, lanes=1)


@pytest.fixture
def quick_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces Argon2id by one hash of the same inputs, for tests of everything around it."""

    def argon2id(**inputs: Any) -> SimpleNamespace:
        start = repr(sorted(inputs.items())).encode()
        return SimpleNamespace(derive=lambda passphrase: sha256(start + passphrase).digest())

    monkeypatch.setattr("anamorph.keys.lock.Argon2id", argon2id)
