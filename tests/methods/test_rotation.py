from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from anamorph.errors import UsageError
from anamorph.methods.rotation import rotation


def numbers(width: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(width, width))


def unit(n: int, width: int, seed: int = 1) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(n, width))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def by_reflections(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same rotation, one Householder reflection after another, without LAPACK."""
    r, q = normals.copy(), np.eye(len(normals))
    for k in range(len(normals)):
        v = r[k:, k].copy()
        v[0] += np.copysign(np.linalg.norm(v), v[0])
        v /= np.linalg.norm(v)
        r[k:] -= 2 * np.outer(v, v @ r[k:])
        q[:, k:] -= 2 * np.outer(q[:, k:] @ v, v)
    return q * np.sign(np.diag(r))


@given(st.integers(2, 24), st.integers(0, 99))
def test_it_is_orthogonal_and_the_one_that_the_numbers_stand_for(width: int, seed: int) -> None:
    q = rotation(numbers(width, seed)).matrix
    np.testing.assert_allclose(q @ q.T, np.eye(width), atol=1e-13)
    r = q.T @ numbers(width, seed)
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-12)
    assert (np.diag(r) > 0).all()


def test_another_way_to_compute_it_gives_the_same_to_more_digits_than_are_stored() -> None:
    q = rotation(numbers(512)).matrix
    np.testing.assert_allclose(q, by_reflections(numbers(512)), atol=1e-11)


def test_cosines_and_lengths_stay() -> None:
    x = unit(100, 512)
    rotated = rotation(numbers(512))(x)
    assert rotated.dtype == np.float32
    np.testing.assert_allclose(rotated @ rotated.T, x @ x.T, atol=1e-6)
    assert abs((rotated * x).sum(1)).max() < 0.25  # of itself each row knows nothing


def test_rotations_are_uniform() -> None:
    """Of a Haar matrix the trace has mean 0 and variance 1, and det = 1 half of the time."""
    matrices = [rotation(numbers(4, seed)).matrix for seed in range(2000)]
    traces = np.array([np.trace(q) for q in matrices])
    assert abs(traces.mean()) < 4 / 2000**0.5
    assert abs(traces.var() - 1) < 0.15
    assert abs(np.mean([np.linalg.det(q) > 0 for q in matrices]) - 0.5) < 0.05
    first = np.array([q[0, 0] for q in matrices])
    assert abs(first.mean()) < 0.05  # LAPACK's own signs would make it negative


def test_a_row_does_not_depend_on_its_batch_but_for_rounding() -> None:
    x, turn = unit(50, 64), rotation(numbers(64))
    alone = np.concatenate([turn(x[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(turn(x), alone, atol=5e-7)


def test_cosines_change_by_less_than_a_millionth() -> None:
    x, turn = unit(200, 512), rotation(numbers(512))
    rotated = turn(x).astype(np.float64)
    rotated /= np.linalg.norm(rotated, axis=1, keepdims=True)
    exact = x.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    assert abs(rotated @ rotated.T - exact @ exact.T).max() < 3e-7


def test_a_new_rotation_takes_the_place_of_an_old_one() -> None:
    x, first, second = unit(50, 64), rotation(numbers(64, 1)), rotation(numbers(64, 2))
    np.testing.assert_allclose(second.instead_of(first)(first(x)), second(x), atol=2e-7)
    nothing = first.instead_of(first).matrix
    np.testing.assert_allclose(nothing, np.eye(64), atol=1e-13)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (4097, 4097)])
def test_widths_out_of_range_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=rf"features have {shape[0]} values, .* 2 to 4096"):
        rotation(np.empty(shape))


def test_what_does_not_fit_is_refused() -> None:
    turn = rotation(numbers(8))
    with pytest.raises(UsageError, match="not of shape"):
        rotation(np.ones((2, 3)))
    with pytest.raises(UsageError, match=r"shape \(9,\) do not fit a rotation of width 8"):
        turn(np.ones((1, 9), np.float32))
    with pytest.raises(UsageError, match="widths 4 and 8"):
        turn.instead_of(rotation(numbers(4)))


def test_a_rotation_shows_nothing_of_itself() -> None:
    assert repr(rotation(numbers(2))) == "Rotation()"


def test_a_record_takes_a_moment() -> None:
    x, turn = unit(1000, 512), rotation(numbers(512))
    began = perf_counter()
    turn(x)
    assert (perf_counter() - began) / 1000 < 1e-3  # 0.01 ms on an idle core
