"""The curve that spreads values: evenly, strictly rising, and there and back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anamorph.methods.levels import CELLS, bend, flattening, unbend

curves = st.binary(min_size=CELLS, max_size=CELLS)


@given(curves)
def test_any_bytes_are_a_curve_that_rises_from_0_to_1(curve: bytes) -> None:
    bent = bend(torch.linspace(0, 1, 400, dtype=torch.float64), curve)
    assert bent[0] == 0
    assert bent[-1] == pytest.approx(1)
    assert (bent.diff() > 0).all()


@given(curves, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_values_come_back(curve: bytes, values: list[float]) -> None:
    v = torch.tensor(values, dtype=torch.float64)
    torch.testing.assert_close(unbend(bend(v, curve), curve), v)


def test_a_dark_photo_looks_as_bright_as_a_bright_one() -> None:
    dark = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) ** 3
    for photo in (dark, 1 - dark):
        bent = bend(photo, flattening(photo, 0.9))
        assert abs(bent.mean() - 0.5) < 0.04
        counts = torch.histc(bent, 8, 0, 1) / bent.numel()
        assert counts.max() < 0.25
    assert torch.histc(dark, 8, 0, 1).max() / dark.numel() > 0.4


def test_without_flatness_values_stay() -> None:
    photo = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1)) ** 2
    torch.testing.assert_close(bend(photo, flattening(photo, 0.0)), photo)


def test_an_even_curve_of_one_value_is_steep_where_it_lies() -> None:
    white = torch.ones(3, 8, 8)
    curve = flattening(white, 1.0)
    assert max(curve) == curve[-1] == 255
    assert set(curve[:-1]) == {0}
