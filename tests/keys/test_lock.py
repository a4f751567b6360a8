from dataclasses import replace
from typing import Any

import pytest

from anamorph.errors import ParameterError, UsageError
from anamorph.keys.lock import STANDARD, Cost, Lock, close, new_lock, unlock


def test_the_standard_cost_is_the_second_choice_of_rfc_9106() -> None:
    assert (STANDARD.memory_kib, STANDARD.passes, STANDARD.lanes) == (65536, 3, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_kib", 2**13 - 1),
        ("memory_kib", 2**18 + 1),
        ("passes", 0),
        ("passes", 11),
        ("lanes", 0),
        ("lanes", 5),
    ],
)
def test_a_cost_outside_its_bounds_is_refused(field: str, value: int) -> None:
    with pytest.raises(ParameterError, match=f"{field} is {value}, but must be at least"):
        Cost(**{field: value})


@pytest.mark.parametrize("value", [True, 3.0, "3", None])
def test_a_cost_that_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="must be a whole number"):
        Cost(passes=value)


def test_only_the_same_passphrase_lock_and_header_unlock(cheap: Cost) -> None:
    lock = new_lock(cheap)
    locked = close(lock, b"secret", b"correct horse", b"header")
    assert b"secret" not in locked
    assert len(locked) == len(b"secret") + 16
    assert unlock(lock, locked, b"correct horse", b"header") == b"secret"
    for other, passphrase, header in (
        (lock, b"correct horse ", b"header"),
        (lock, b"", b"header"),
        (lock, b"correct horse", b"Header"),
        (replace(lock, salt=bytes(16)), b"correct horse", b"header"),
        (replace(lock, nonce=bytes(12)), b"correct horse", b"header"),
        (replace(lock, cost=replace(cheap, passes=2)), b"correct horse", b"header"),
    ):
        assert unlock(other, locked, passphrase, header) is None


def test_every_lock_is_fresh(cheap: Cost) -> None:
    locks = [new_lock(cheap) for _ in range(20)]
    assert len({lock.salt for lock in locks}) == len({lock.nonce for lock in locks}) == 20


def test_an_empty_passphrase_locks_nothing(cheap: Cost) -> None:
    with pytest.raises(UsageError, match="the passphrase is empty"):
        close(Lock(cost=cheap, salt=bytes(16), nonce=bytes(12)), b"secret", b"", b"")
