import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.keys.header import Header, dump, load
from anamorph.keys.key import KINDS
from anamorph.keys.lock import Cost, Lock

PLAIN = Header(
    kind="permuted",
    fingerprint="0123-4567-89ab-cdef-0011",
    created=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
    lock=None,
)
LOCKED = replace(PLAIN, lock=Lock(cost=Cost(), salt=bytes(range(16)), nonce=bytes(12)))

costs = st.builds(
    Cost,
    memory_kib=st.integers(2**13, 2**18),
    passes=st.integers(1, 10),
    lanes=st.integers(1, 4),
)
locks = st.builds(
    Lock,
    cost=costs,
    salt=st.binary(min_size=16, max_size=16),
    nonce=st.binary(min_size=12, max_size=12),
)
headers = st.builds(
    Header,
    kind=st.sampled_from(KINDS),
    fingerprint=st.from_regex(r"\A[0-9a-f]{4}(-[0-9a-f]{4}){4}\Z"),
    created=st.datetimes(timezones=st.just(UTC)).map(lambda t: t.replace(microsecond=0)),
    lock=st.none() | locks,
)


@given(headers)
def test_a_header_is_read_back_and_fits(header: Header) -> None:
    raw = dump(header)
    assert load(raw) == header
    assert len(raw) <= 512


def test_the_form_is_the_one_the_docstring_shows() -> None:
    assert dump(PLAIN) == (
        b'{"created":"2026-05-04T03:02:01Z","fingerprint":"0123-4567-89ab-cdef-0011",'
        b'"kind":"permuted","lock":null}'
    )
    assert json.loads(dump(LOCKED))["lock"] == {
        "kdf": "argon2id",
        "lanes": 4,
        "memory_kib": 65536,
        "nonce": "00" * 12,
        "passes": 3,
        "salt": bytes(range(16)).hex(),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "open"),
        ("kind", ["sealed"]),
        ("fingerprint", "0123-4567-89AB-cdef-0011"),
        ("fingerprint", None),
        ("created", "2026-05-04"),
        ("created", "2026-05-04T03:02:01+00:00"),
        ("created", "2026-05-04T03:02:01+02:00"),
        ("created", "2026-05-04T03:02:01"),
        ("created", "2026-05-04T03:02:01.5Z"),
        ("created", "2026-02-30T03:02:01Z"),
        ("created", 5),
        ("lock", False),
        ("lock", {}),
        ("lock", "argon2id"),
        ("extra", 1),
    ],
)
def test_a_field_of_another_form_is_no_header(name: str, value: Any) -> None:
    assert load(_canonical({**json.loads(dump(PLAIN)), name: value})) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kdf", "scrypt"),
        ("memory_kib", 2**18 + 1),
        ("memory_kib", 2**60),
        ("memory_kib", 8),
        ("passes", 10**9),
        ("passes", 3.0),
        ("passes", True),
        ("passes", "3"),
        ("lanes", 0),
        ("salt", "00" * 15),
        ("salt", "AA" * 16),
        ("nonce", "00" * 13),
        ("nonce", "zz" * 12),
        ("extra", 1),
    ],
)
def test_a_lock_of_another_form_is_no_header(name: str, value: Any) -> None:
    fields = json.loads(dump(LOCKED))
    assert load(_canonical({**fields, "lock": {**fields["lock"], name: value}})) is None


@pytest.mark.parametrize("name", ["created", "fingerprint", "kind", "lock"])
def test_a_missing_field_is_no_header(name: str) -> None:
    fields = json.loads(dump(PLAIN))
    del fields[name]
    assert load(_canonical(fields)) is None


def test_the_same_fields_in_any_other_writing_are_no_header() -> None:
    raw = dump(PLAIN)
    fields = json.loads(raw)
    for other in (
        json.dumps(fields).encode(),
        _canonical(dict(reversed(fields.items())), sort=False),
        raw.replace(b"permuted", b"\\u0070ermuted"),
        raw.replace(b'"kind"', b'"kind":"sealed","kind"'),
        raw + b"\n",
        raw.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + raw,
    ):
        assert load(other) is None


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"1", b'"kind"', b"NaN", b"\xff", b"[" * 512, b"9" * 512]
)
def test_other_json_and_no_json_is_no_header(raw: bytes) -> None:
    assert load(raw) is None


def _canonical(fields: Any, *, sort: bool = True) -> bytes:
    return json.dumps(fields, sort_keys=sort, separators=(",", ":")).encode()
