"""The header of a sealed picture: read as written, or not at all."""

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.errors import FileError
from anamorph.files.lowbits import HEADER_SIZE
from anamorph.files.sealed_header import SealedHeader, begins, dump, load

HEADER = SealedHeader(
    bits=2,
    height=112,
    width=96,
    size=6032,
    fingerprint="0123-4567-89ab-cdef-0123",
    model="0123456789abcdef" * 2,
)


def _signed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "big")


def test_a_header_comes_back_and_is_never_taken_for_a_photo() -> None:
    raw = dump(HEADER)
    assert len(raw) == HEADER_SIZE
    assert load(raw, "a.png") == HEADER
    assert begins(raw)
    assert not begins(bytes(HEADER_SIZE))


@pytest.mark.parametrize("bit", range(0, 8 * HEADER_SIZE, 7))
def test_a_flipped_bit_anywhere_makes_it_no_header(bit: int) -> None:
    raw = bytearray(dump(HEADER))
    raw[bit // 8] ^= 1 << bit % 8
    assert load(bytes(raw), "a.png") is None


def test_a_newer_version_says_so() -> None:
    body = bytearray(dump(HEADER)[:-4])
    body[8] = 2
    with pytest.raises(FileError, match=r"a\.png: was hidden by a newer anamorph \(format 2"):
        load(_signed(bytes(body)), "a.png")


@pytest.mark.parametrize(("at", "value"), [(8, 0), (9, 2), (10, 0), (10, 5), (11, 1), (57, 1)])
def test_values_that_make_no_sense_are_no_header_even_with_a_good_checksum(
    at: int, value: int
) -> None:
    body = bytearray(dump(HEADER)[:-4])
    body[at] = value
    assert load(_signed(bytes(body)), "a.png") is None


@given(st.binary(max_size=HEADER_SIZE + 8))
def test_any_bytes_are_read_or_refused_in_order(raw: bytes) -> None:
    for candidate in (raw, _signed(b"ANAMORPH\1" + raw[:51].ljust(51, b"\0"))):
        found = load(candidate, "a.png")
        assert found is None or dump(found) == candidate


def test_headers_of_different_pictures_differ() -> None:
    assert dump(HEADER) != dump(replace(HEADER, width=95))
