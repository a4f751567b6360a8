"""What is put into low bits comes out again, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from anamorph.errors import TooLarge, UsageError
from anamorph.files.lowbits import (
    HEADER_SIZE,
    Fit,
    capacity,
    fit,
    header_in,
    payload_in,
    put,
)

HEADER = bytes(range(HEADER_SIZE))


def _noise(fit: Fit, seed: int = 0) -> NDArray[np.uint8]:
    shape = (fit.height, fit.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(st.integers(1, 4), st.integers(14, 20), st.integers(14, 20), st.data())
def test_header_and_payload_come_back_from_any_high_bits(
    bits: int, height: int, width: int, data: st.DataObject
) -> None:
    place = Fit(height=height, width=width, bits=bits)
    payload = data.draw(st.binary(max_size=capacity(place)))
    low = put(HEADER, payload, _noise(place), place)
    assert low.max() < 2**bits
    pixels = (_noise(place, seed=1) & np.uint8(256 - 2**bits)) | low
    assert header_in(pixels) == HEADER
    assert payload_in(pixels, bits, len(payload)) == payload


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_a_full_picture_holds_its_capacity_and_not_a_byte_more(bits: int) -> None:
    place = Fit(height=16, width=16, bits=bits)
    full = np.random.default_rng(2).bytes(capacity(place))
    assert payload_in(put(HEADER, full, _noise(place), place), bits, len(full)) == full
    with pytest.raises(UsageError, match="do not fit"):
        put(HEADER, full + b"x", _noise(place), place)


def test_what_carries_nothing_is_filled_with_the_random_bytes() -> None:
    place = Fit(height=16, width=16, bits=4)
    filler = _noise(place)
    low = put(HEADER, b"ab", filler, place).reshape(-1)
    expected = filler.reshape(-1) & 15
    assert (low[512 + 4 :] == expected[512 + 4 :]).all()
    assert (low[:512] >> 1 == expected[:512] >> 1).all()


@given(st.integers(1, 200_000), st.integers(1, 120), st.integers(1, 120))
def test_the_smallest_picture_with_the_fewest_bits_is_chosen(
    size: int, height: int, width: int
) -> None:
    chosen = fit(size, height, width, 10**9)
    assert capacity(chosen) >= size
    assert chosen.height * width == chosen.width * height
    if (chosen.height, chosen.width) == (height, width):
        fewer = Fit(height=height, width=width, bits=chosen.bits - 1)
        assert chosen.bits == 1 or capacity(fewer) < size
    else:
        assert chosen.height > height
        unit = np.gcd(height, width)
        smaller = Fit(
            height=chosen.height - height // unit, width=chosen.width - width // unit, bits=4
        )
        assert chosen.bits == 4
        assert capacity(smaller) < size


def test_a_payload_beyond_the_limit_is_refused_with_what_to_do() -> None:
    with pytest.raises(TooLarge, match="save the photo smaller"):
        fit(10**6, 112, 112, 100_000)


def test_a_header_of_another_size_and_a_greedy_reader_are_refused() -> None:
    place = Fit(height=16, width=16, bits=1)
    with pytest.raises(UsageError, match="header of 3"):
        put(b"abc", b"", _noise(place), place)
    with pytest.raises(UsageError, match="holds 32 bytes, but 33"):
        payload_in(_noise(place), 1, 33)


def test_a_picture_too_small_for_a_header_gives_a_short_one() -> None:
    assert len(header_in(np.zeros((2, 2, 3), np.uint8))) < HEADER_SIZE
