import hashlib
from dataclasses import replace
from itertools import permutations
from time import perf_counter

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from anamorph.errors import UsageError
from anamorph.keys import derive
from anamorph.keys.derive import (
    inverse,
    new_nonce,
    normals,
    permutation,
    signs,
    stream,
    subkey,
)
from anamorph.keys.hkdf import hkdf
from anamorph.keys.key import KINDS, Key, Secret

NONCE = bytes(range(16))
SUBKEY = bytes.fromhex("c7420428200e2a2e77c08215c6ef55bad45e5871474817cda5c6066cedb3f34d")


def numbered(i: int) -> bytes:
    """A subkey that is the same in every run."""
    return hashlib.sha256(str(i).encode()).digest()


def test_what_is_derived_never_changes(key: Key) -> None:
    assert subkey(key, NONCE, "seal") == SUBKEY
    drawn = "d3232993c04c55b61bb0a4e0ce83b55773b14ebd0adf9b1952ea0e786ab3c2cd"
    assert stream(SUBKEY, 32).hex() == drawn
    assert permutation(SUBKEY, 12).tolist() == [7, 4, 9, 0, 11, 5, 1, 3, 10, 6, 2, 8]
    assert signs(SUBKEY, 12).tolist() == [-1, -1, 1, -1, -1, 1, 1, 1, 1, 1, 1, -1]


def test_a_subkey_is_hkdf_with_the_nonce_as_salt_and_a_label(key: Key) -> None:
    label = b"anamorph/1/sealed/seal"
    assert hkdf(bytes(range(32)), salt=NONCE, info=label, size=32) == SUBKEY


def test_subkeys_differ_by_secret_kind_nonce_and_purpose(key: Key) -> None:
    keys = [replace(key, kind=kind) for kind in KINDS]
    keys.append(replace(key, secret=Secret(bytes(32))))
    subkeys = {
        subkey(k, nonce, purpose)
        for k in keys
        for nonce in (NONCE, bytes(16), new_nonce())
        for purpose in ("seal", "permute", "fingerprint")
    }
    assert len(subkeys) == len(keys) * 3 * 3


@pytest.mark.parametrize("nonce", [b"", bytes(15), bytes(17)])
def test_a_nonce_of_another_size_is_refused(key: Key, nonce: bytes) -> None:
    with pytest.raises(UsageError, match=r"a nonce has 16 bytes, not \d+; use new_nonce"):
        subkey(key, nonce, "seal")


@pytest.mark.parametrize("purpose", ["", "a/b", "Seal", "-x", "seal\n", "ä"])
def test_a_purpose_of_another_form_is_refused(key: Key, purpose: str) -> None:
    with pytest.raises(UsageError, match="lower-case letters, digits and hyphens"):
        subkey(key, NONCE, purpose)


def test_the_stream_is_aes_of_a_counter_that_begins_with_its_name() -> None:
    blocks = b"".join(b"stream\0\0" + i.to_bytes(8, "big") for i in range(4))
    expected = Cipher(AES256(SUBKEY), ECB()).encryptor().update(blocks)
    assert stream(SUBKEY, 64) == expected


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_longer_stream_begins_with_the_shorter_one(a: int, b: int) -> None:
    short, long = sorted((a, b))
    assert stream(SUBKEY, long)[:short] == stream(SUBKEY, short)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 300))
def test_a_permutation_holds_every_index_once_and_is_undone(secret: bytes, n: int) -> None:
    order = permutation(secret, n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))
    values = np.arange(n) ** 2
    np.testing.assert_array_equal(values[order][inverse(order)], values)
    np.testing.assert_array_equal(permutation(secret, n), order)


def test_all_orders_of_four_values_are_equally_likely() -> None:
    trials = 4800
    count = dict.fromkeys(permutations(range(4)), 0)
    for i in range(trials):
        count[tuple(permutation(numbered(i), 4).tolist())] += 1
    expected = trials / len(count)
    chi_square = sum((seen - expected) ** 2 / expected for seen in count.values())
    assert chi_square < 49.7  # 99.9 % of fair shuffles, 23 degrees of freedom


def test_every_value_of_a_picture_may_go_everywhere() -> None:
    bins, n, trials = 8, 4000, 20
    count = np.zeros((bins, bins))
    for i in range(trials):
        to = permutation(numbered(i), n) * bins // n
        np.add.at(count, (np.arange(n) * bins // n, to), 1)
    expected = n * trials / bins**2
    assert ((count - expected) ** 2 / expected).sum() < 85.4  # 99.9 %, 49 degrees of freedom


def test_equal_words_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [np.array(words, dtype="<u8").tobytes() for words in ([5, 3, 5], [9, 7, 8])]
    monkeypatch.setattr(derive, "_draw", lambda cipher, size: drawn.pop(0))
    assert permutation(SUBKEY, 3).tolist() == [1, 2, 0]
    assert not drawn


def test_the_signs_are_balanced_and_not_those_of_the_stream() -> None:
    n = 40_000
    drawn = signs(SUBKEY, n)
    assert drawn.dtype == np.int8
    assert set(np.unique(drawn)) == {-1, 1}
    assert abs(int(drawn.sum())) < 4 * n**0.5
    bits = np.unpackbits(np.frombuffer(stream(SUBKEY, n // 8), np.uint8), bitorder="little")
    assert abs(int((drawn * (1 - 2 * bits.astype(np.int64))).sum())) < 4 * n**0.5
    assert len(signs(SUBKEY, 13)) == 13


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot permute 268435457 values"):
        permutation(SUBKEY, 2**28 + 1)
    with pytest.raises(UsageError, match="ask for 0 or more"):
        stream(SUBKEY, -1)
    for numbers in (signs, normals):
        with pytest.raises(UsageError, match="cannot draw -1 of them"):
            numbers(SUBKEY, -1)
    for draw in (stream, permutation, signs, normals):
        with pytest.raises(UsageError, match="a subkey has 32 bytes, not 31"):
            draw(bytes(31), 4)


def test_a_picture_is_permuted_in_a_moment() -> None:
    started = perf_counter()
    permutation(SUBKEY, 3 * 224 * 224)
    assert perf_counter() - started < 1  # 20 ms on an idle core


def test_normal_numbers_never_change() -> None:
    drawn = [
        -1.5657904164597987,
        0.03402499302955476,
        0.024586907317139525,
        0.13384128188437835,
        -0.474379895080786,
    ]
    np.testing.assert_allclose(normals(SUBKEY, 5), drawn, rtol=1e-13)


def test_normal_numbers_are_normal_and_independent_of_each_other() -> None:
    n = 40_000
    drawn = normals(SUBKEY, n)
    assert drawn.dtype == np.float64
    assert np.isfinite(drawn).all()
    for power, expected, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((drawn**power).mean() - expected) < 4 * (spread / n) ** 0.5
    pairs = drawn.reshape(-1, 2)
    for lag in (pairs[:, 0] * pairs[:, 1], pairs[:-1, 0] * pairs[1:, 0]):
        assert abs(lag.mean()) < 4 / len(lag) ** 0.5
    below = (drawn < 0.6744897501960817).mean()  # three quarters of all
    assert abs(below - 0.75) < 4 * (0.1875 / n) ** 0.5


@given(st.integers(0, 60), st.integers(0, 60))
def test_more_normal_numbers_begin_with_the_fewer(a: int, b: int) -> None:
    few, many = sorted((a, b))
    assert len(normals(SUBKEY, few)) == few
    np.testing.assert_array_equal(normals(SUBKEY, many)[:few], normals(SUBKEY, few))
