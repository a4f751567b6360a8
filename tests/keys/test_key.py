import copy
import json
import pickle
from dataclasses import asdict, astuple, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from anamorph.errors import UsageError
from anamorph.keys.hkdf import hkdf
from anamorph.keys.key import KINDS, Key, Secret, network_key, new

TELLTALES = (b"\x02\x03\x04", "020304", "2, 3, 4", "AgME", r"\x02\x03\x04")


@pytest.mark.parametrize("kind", ["sealed", "permuted", "rotation"])
def test_a_new_key_has_32_fresh_bytes_and_the_time_in_utc(kind: Any) -> None:
    one, other = new(kind), new(kind)
    assert one.kind == kind
    assert len(one.secret.reveal()) == 32
    assert one.secret != other.secret
    assert one.fingerprint != other.fingerprint
    assert abs(datetime.now(UTC) - one.created) < timedelta(minutes=1)


def test_a_network_key_holds_weights_and_is_not_drawn() -> None:
    assert network_key(b"weights").secret.reveal() == b"weights"
    with pytest.raises(UsageError, match="anamorph train key"):
        new("network")


def test_a_key_of_the_wrong_form_is_refused_with_the_reason(key: Key) -> None:
    with pytest.raises(UsageError, match="no kind of key is called 'open'; use sealed, permuted"):
        new("open")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a sealed key has 32 bytes, not 5"):
        replace(key, secret=Secret(b"short"))
    with pytest.raises(UsageError, match="a network key has 1 to 67108864 bytes, not 0"):
        network_key(b"")
    for created in (
        datetime(2026, 5, 4),
        datetime(2026, 5, 4, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 5, 4, microsecond=1, tzinfo=UTC),
    ):
        with pytest.raises(UsageError, match="UTC and whole seconds"):
            replace(key, created=created)


def test_a_network_of_more_than_64_mib_is_refused() -> None:
    with pytest.raises(UsageError, match="not 67108865"):
        network_key(bytes(64 * 2**20 + 1))


def test_the_fingerprint_is_ten_bytes_of_hkdf_with_a_label_of_its_own(key: Key) -> None:
    label = b"anamorph/1/fingerprint/sealed"
    expected = hkdf(bytes(range(32)), salt=b"", info=label, size=10).hex()
    assert key.fingerprint == "4738-3801-1229-716a-9f5f"
    assert key.fingerprint.replace("-", "") == expected


def test_the_same_secret_has_another_fingerprint_in_every_kind(key: Key) -> None:
    prints = {replace(key, kind=kind).fingerprint for kind in KINDS}
    assert len(prints) == len(KINDS) == 4


def test_the_secret_appears_in_nothing_that_shows_a_key(key: Key) -> None:
    shown = [
        repr(key),
        str(key),
        f"{key}",
        f"{key.secret!r} {key.secret} {[key.secret]}",
        repr(asdict(key)),
        repr(astuple(key)),
        json.dumps(asdict(key), default=str),
        repr(copy.copy(key)) + repr(copy.deepcopy(key)) + repr(replace(key)),
    ]
    for text in shown:
        assert not any(str(telltale) in text for telltale in TELLTALES)
    assert "sealed" in repr(key)
    assert key.fingerprint in repr(key)


def test_a_key_has_no_dictionary_to_look_into(key: Key) -> None:
    for value in (key, key.secret):
        with pytest.raises(TypeError):
            vars(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_key_is_never_pickled(key: Key, protocol: int) -> None:
    for value in (key, key.secret, [key]):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(value, protocol)


def test_copies_are_equal_and_keys_differ_by_their_secret_alone(key: Key) -> None:
    assert copy.deepcopy(key) == copy.copy(key) == replace(key) == key
    assert hash(copy.deepcopy(key)) == hash(key)
    other = replace(key, secret=Secret(bytes(32)))
    assert other != key
    assert key.secret != bytes(range(32))


def test_no_error_about_a_key_shows_its_secret(key: Key) -> None:
    with pytest.raises(UsageError) as caught:
        replace(key, secret=Secret(bytes(range(31))))
    assert not any(str(telltale) in str(caught.value) for telltale in TELLTALES)
