import hashlib
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anamorph.errors import AnamorphError, BadKey, DamagedKey, UsageError, WrongPassphrase
from anamorph.keys.encoding import LARGEST_FILE, decode, encode, parse
from anamorph.keys.key import KINDS, Key, Kind, Secret, network_key, new
from anamorph.keys.lock import Cost

HEADER = (
    b'{"created":"2026-05-04T03:02:01Z","fingerprint":"4738-3801-1229-716a-9f5f",'
    b'"kind":"sealed","lock":null}'
)

# Version 1, passphrase "correct horse", the least cost, salt 00 ... 0f, nonce 00 ... 0b.
LOCKED = bytes.fromhex("""
    414d4b45590100e97b2263726561746564223a22323032362d30352d30345430333a30323a30315a
    222c2266696e6765727072696e74223a22343733382d333830312d313232392d373136612d396635
    66222c226b696e64223a227365616c6564222c226c6f636b223a7b226b6466223a226172676f6e32
    6964222c226c616e6573223a312c226d656d6f72795f6b6962223a383139322c226e6f6e6365223a
    22303030313032303330343035303630373038303930613062222c22706173736573223a312c2273
    616c74223a223030303130323033303430353036303730383039306130623063306430653066227d
    7d70ad851469e59723d0d7cdbb686358780ddc7ebd99f1cd0b9a9fcbb3464525a5faae399a1bf160
    de380c37845ecf4e67
""")


@pytest.fixture(scope="module")
def plain(key: Key, cheap: Cost) -> bytes:
    return encode(key, None, cheap)


@pytest.fixture
def locked(key: Key, cheap: Cost, quick_stretch: None) -> bytes:
    return encode(key, b"correct horse", cheap)


def test_an_unlocked_file_is_what_the_docstring_says(plain: bytes) -> None:
    body = b"AMKEY\x01" + len(HEADER).to_bytes(2, "big") + HEADER + bytes(range(32))
    assert plain == body + hashlib.sha256(body).digest()


def test_a_locked_file_of_version_1_opens(key: Key) -> None:
    assert decode(LOCKED, "k", b"correct horse") == key


@given(st.binary(min_size=1, max_size=300), st.none() | st.binary(min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_network_keys_come_back(
    quick_stretch: None, weights: bytes, passphrase: bytes | None
) -> None:
    key = network_key(weights)
    data = encode(key, passphrase, Cost())
    assert decode(data, "k", passphrase) == key
    assert len(data) <= LARGEST_FILE


@given(st.sampled_from(KINDS), st.binary(min_size=32, max_size=32))
def test_keys_of_every_kind_come_back(kind: Kind, secret: bytes) -> None:
    key = replace(new("sealed"), kind=kind, secret=Secret(secret))
    assert decode(encode(key, None, Cost()), "k", None) == key


def test_every_flipped_bit_of_an_unlocked_file_is_refused(plain: bytes) -> None:
    for changed in _flips(plain):
        with pytest.raises(BadKey):
            decode(changed, "k", None)


def test_every_flipped_bit_of_a_locked_file_is_refused(locked: bytes) -> None:
    for changed in _flips(locked):
        with pytest.raises(BadKey):
            decode(changed, "k", b"correct horse")


def test_every_truncation_and_extension_is_refused(plain: bytes, locked: bytes) -> None:
    for data, passphrase in ((plain, None), (locked, b"correct horse")):
        for cut in range(len(data)):
            with pytest.raises(DamagedKey, match=r"^k: is (not|a damaged) "):
                decode(data[:cut], "k", passphrase)
        with pytest.raises(DamagedKey):
            decode(data + b"\0", "k", passphrase)


def test_a_wrong_passphrase_and_a_damaged_secret_say_the_same(locked: bytes) -> None:
    damaged = locked[:-20] + bytes([locked[-20] ^ 1]) + locked[-19:]
    messages = set()
    for data, passphrase in ((locked, b"wrong"), (damaged, b"correct horse"), (damaged, b"wrong")):
        with pytest.raises(WrongPassphrase) as caught:
            decode(data, "k", passphrase)
        assert caught.value.__cause__ is None
        messages.add(str(caught.value))
    assert messages == {
        "k: the passphrase is wrong or the file is damaged; try another passphrase, or restore "
        "the file from a copy"
    }


def test_a_missing_and_an_unwanted_passphrase_are_told(plain: bytes, locked: bytes) -> None:
    with pytest.raises(WrongPassphrase, match="k: is locked; give its passphrase with"):
        decode(locked, "k", None)
    with pytest.raises(WrongPassphrase, match="k: is not locked, but a passphrase was given"):
        decode(plain, "k", b"correct horse")


def test_an_empty_passphrase_makes_no_file(key: Key, cheap: Cost) -> None:
    with pytest.raises(UsageError, match="empty"):
        encode(key, b"", cheap)


def test_a_locked_file_does_not_hold_the_secret(locked: bytes) -> None:
    windows = (bytes(range(i, i + 4)) for i in range(16, 28))
    assert not any(window in locked for window in windows)


def test_two_files_of_one_key_share_only_what_is_public(key: Key, cheap: Cost) -> None:
    one, other = (encode(key, b"correct horse", cheap) for _ in range(2))
    assert one[-48:] != other[-48:]
    assert parse(one, "k").header.fingerprint == parse(other, "k").header.fingerprint


def test_a_fingerprint_that_is_not_the_secrets_is_refused(plain: bytes) -> None:
    body = plain[:-32].replace(b"4738-3801", b"4738-3802")
    with pytest.raises(DamagedKey):
        decode(body + hashlib.sha256(body).digest(), "k", None)


def test_a_secret_of_another_kinds_size_is_refused(plain: bytes) -> None:
    body = plain[:-32] + b"more"
    with pytest.raises(DamagedKey):
        decode(body + hashlib.sha256(body).digest(), "k", None)


def test_a_newer_version_asks_for_an_upgrade(plain: bytes) -> None:
    with pytest.raises(BadKey, match="k: has version 2, but this anamorph reads version 1; upg"):
        parse(plain[:5] + b"\x02" + plain[6:], "k")


@pytest.mark.parametrize("before", [b"", b"AM", b"\x89PNG\r\n", b"{}"])
def test_another_file_is_no_key_file(before: bytes) -> None:
    with pytest.raises(DamagedKey, match="k: is not a key file; make one with `anamorph key new`"):
        parse(before, "k")


@pytest.mark.parametrize(
    "hostile", [b'"memory_kib":9999999', b'"passes":99999999', b'"lanes":65535']
)
def test_a_hostile_cost_is_refused_before_argon2id_runs(
    hostile: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr("anamorph.keys.lock.Argon2id", lambda **cost: started.append(cost))
    header = LOCKED[8:-48]
    name = hostile[: hostile.index(b":") + 1]
    at = header.index(name) + len(name)
    header = header[:at] + hostile[len(name) :] + header[header.index(b",", at) :]
    data = LOCKED[:6] + len(header).to_bytes(2, "big") + header + LOCKED[-48:]
    with pytest.raises(DamagedKey):
        decode(data, "k", b"correct horse")
    assert not started


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_anything_at_all_raises_our_errors_only(
    plain: bytes, quick_stretch: None, data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from([b"", b"AMKEY", b"AMKEY\x01", plain[:8], LOCKED[:8]]))
    whole = start + data.draw(st.binary(max_size=400))
    for passphrase in (None, b"correct horse"):
        with pytest.raises(AnamorphError):
            decode(whole, "k", passphrase)


@given(st.integers(0), st.sampled_from([True, False]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_changes_at_once_raise_our_errors_only(
    plain: bytes, quick_stretch: None, seed: int, lock: bool
) -> None:
    random = Random(seed)
    whole = bytearray(LOCKED if lock else plain)
    for _ in range(random.randint(1, 5)):
        whole[random.randrange(len(whole))] ^= random.randrange(1, 256)
    with pytest.raises(AnamorphError):
        decode(bytes(whole), "k", b"correct horse" if lock else None)


def test_no_error_shows_the_secret(plain: bytes) -> None:
    with pytest.raises(DamagedKey) as caught:
        decode(plain[:-1] + bytes([plain[-1] ^ 1]), "k", None)
    assert "0203" not in repr(caught.value)
    assert r"\x02\x03" not in repr(caught.value)


def _flips(data: bytes) -> list[bytes]:
    """The data with one bit flipped, for every bit."""
    flipped = []
    for i in range(8 * len(data)):
        changed = bytearray(data)
        changed[i // 8] ^= 1 << i % 8
        flipped.append(bytes(changed))
    return flipped
