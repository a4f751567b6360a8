import numpy as np
import pytest
from numpy.typing import NDArray

from anamorph.adversaries.known_pairs import laid_over, procrustes, turned_back
from anamorph.methods.rotation import rotation

Rows = NDArray[np.float64]

WIDTH = 32


@pytest.fixture
def turn() -> Rows:
    """A secret rotation Q."""
    return rotation(np.random.default_rng(7).normal(size=(WIDTH, WIDTH))).matrix


def faces(n: int, seed: int) -> Rows:
    """A cloud that is longer in some directions than in others, and askew, as embeddings are."""
    lengths = np.linspace(4, 0.3, WIDTH)
    rows = (np.random.default_rng(seed).exponential(size=(n, WIDTH)) - 0.8) * lengths
    unit: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def cosine(a: Rows, b: Rows) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(1) / lengths).mean())


def test_as_many_pairs_as_dimensions_give_the_key_away(turn: Rows) -> None:
    known, others = faces(WIDTH, 1), faces(50, 2)
    np.testing.assert_allclose(procrustes(known, known @ turn.T), turn, atol=1e-10)
    guess = turned_back(known, known @ turn.T, others @ turn.T)
    np.testing.assert_allclose(guess, others, atol=1e-9)


def test_fewer_pairs_give_their_directions_and_no_others(turn: Rows) -> None:
    others = faces(50, 2)
    known = faces(WIDTH // 4, 1)
    guess = turned_back(known, known @ turn.T, others @ turn.T)
    basis, _ = np.linalg.qr(known.T)
    np.testing.assert_allclose(guess, others @ basis @ basis.T, atol=1e-9)
    assert 0.2 < cosine(guess, others) < 0.95


def test_pairs_that_do_not_belong_together_tell_nothing(turn: Rows) -> None:
    known, others = faces(WIDTH, 1), faces(50, 2)
    shuffled = np.roll(known @ turn.T, 1, axis=0)
    assert abs(cosine(turned_back(known, shuffled, others @ turn.T), others)) < 0.5


def test_a_cloud_that_is_askew_enough_is_found_without_any_pair(turn: Rows) -> None:
    stored = faces(4000, 1)
    guess = laid_over(faces(4000, 2), stored @ turn.T, rounds=0)
    assert cosine(stored @ turn.T @ guess, stored) > 0.5


def test_a_good_start_gets_better_by_the_same_faces(turn: Rows) -> None:
    stored = faces(300, 1)
    start = procrustes(stored[:24], stored[:24] @ turn.T)
    public = stored + 0.02 * np.random.default_rng(3).normal(size=stored.shape)
    before = cosine(stored @ turn.T @ start, stored)
    after = cosine(stored @ turn.T @ laid_over(public, stored @ turn.T, 5, start), stored)
    assert before < 0.99 < after


def test_a_round_cloud_stays_unknown(turn: Rows) -> None:
    rng = np.random.default_rng(4)
    stored, public = rng.normal(size=(2, 500, WIDTH))
    guess = laid_over(public, stored @ turn.T, rounds=3)
    assert abs(cosine(stored @ turn.T @ guess, stored)) < 0.3
