"""Noise of the same size as a protection."""

import numpy as np
import pytest

from anamorph.auditing.controls import CONTROLS, noisy

RNG = np.random.default_rng(0)
CLEAN = RNG.integers(60, 190, (40, 50, 3), dtype=np.uint8)
PROTECTED = (CLEAN + RNG.integers(-9, 10, CLEAN.shape)).astype(np.uint8)


def test_sign_noise_moves_every_value_by_the_largest_change() -> None:
    moved = noisy("sign noise", CLEAN, PROTECTED, 0, "a").astype(int) - CLEAN
    assert set(np.unique(moved)) == {-9, 9}
    assert abs(moved.mean()) < 1


def test_gaussian_noise_has_the_same_norm() -> None:
    moved = noisy("gaussian noise", CLEAN, PROTECTED, 0, "a").astype(float) - CLEAN
    change = PROTECTED.astype(float) - CLEAN
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(change), rel=0.03)


@pytest.mark.parametrize("name", CONTROLS)
def test_noise_is_keyed_by_seed_and_picture(name: str) -> None:
    one = noisy(name, CLEAN, PROTECTED, 0, "a")
    assert np.array_equal(one, noisy(name, CLEAN, PROTECTED, 0, "a"))
    assert not np.array_equal(one, noisy(name, CLEAN, PROTECTED, 1, "a"))
    assert not np.array_equal(one, noisy(name, CLEAN, PROTECTED, 0, "b"))


@pytest.mark.parametrize("name", CONTROLS)
def test_noise_stays_in_the_range_of_a_file(name: str) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    out = noisy(name, black, black + 40, 0, "a")
    assert out.dtype == np.uint8
    assert out.min() == 0
    assert 30 < out.max() < 200


@pytest.mark.parametrize("name", CONTROLS)
def test_an_untouched_picture_gets_no_noise(name: str) -> None:
    assert np.array_equal(noisy(name, CLEAN, CLEAN, 0, "a"), CLEAN)
