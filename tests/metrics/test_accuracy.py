"""Shares and their intervals."""

from math import sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.metrics.accuracy import NOTHING, mean_share, share, wilson

Z = NormalDist().inv_cdf(0.975)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_lies_in_zero_to_one(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1


@pytest.mark.parametrize(("hits", "n"), [(1, 10), (7, 16), (199, 200)])
def test_the_ends_solve_the_score_equation(hits: int, n: int) -> None:
    for end in wilson(hits, n):
        assert abs(hits / n - end) == pytest.approx(Z * sqrt(end * (1 - end) / n))


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0000, 0.2775),
        (10, 10, 0.7225, 1.0000),
        (5, 10, 0.2366, 0.7634),
        (15, 148, 0.0624, 0.1605),  # Newcombe 1998, table I: 15 of 148
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I: 81 of 263
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_knows_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_wider_level_gives_a_wider_interval() -> None:
    low, high = wilson(3, 20)
    lower, higher = wilson(3, 20, level=0.99)
    assert lower < low < high < higher


def test_all_or_none_of_a_few_is_not_certain() -> None:
    assert wilson(0, 16)[1] == pytest.approx(0.1936, abs=1e-4)
    assert wilson(16, 16)[0] == pytest.approx(1 - 0.1936, abs=1e-4)


def test_a_share_of_nothing_has_no_value() -> None:
    assert share(0, 0) == NOTHING
    assert NOTHING.value is None


def test_a_mean_over_models_has_the_interval_of_the_fewest_pictures() -> None:
    mean = mean_share([share(0, 4), share(20, 20), NOTHING])
    assert mean == share(2, 4)


def test_models_that_all_say_the_same_are_no_surer_than_one() -> None:
    assert mean_share([share(3, 9)] * 5) == share(3, 9)


def test_a_mean_of_no_models_is_unknown() -> None:
    assert mean_share([]) == NOTHING
    assert mean_share([NOTHING]) == NOTHING
