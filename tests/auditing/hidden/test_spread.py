"""Means with their intervals, and how rare luck is."""

from collections.abc import Sequence
from itertools import permutations, product
from math import comb, factorial

import pytest

from anamorph.auditing.hidden.spread import luck, luck_of_picks, spread

T = {2: 4.30265, 4: 2.77645, 9: 2.26216, 99: 1.98422}
"""Quantiles of Student's t for 95 %, from tables."""


@pytest.mark.parametrize("freedom", T)
def test_the_interval_is_students(freedom: int) -> None:
    values = [float(i) for i in range(freedom + 1)]
    found = spread(values)
    assert found is not None
    n, mean = len(values), sum(values) / len(values)
    deviation = (sum((v - mean) ** 2 for v in values) / (n - 1)) ** 0.5
    assert found.mean == pytest.approx(mean)
    assert found.high is not None
    assert found.low is not None
    assert found.high - mean == pytest.approx(T[freedom] * deviation / n**0.5, rel=0.01)
    assert found.high - mean == pytest.approx(mean - found.low)


def test_two_values_have_extremes_but_no_interval() -> None:
    found = spread([1.0, 3.0])
    assert found is not None
    assert (found.mean, found.low, found.high, found.least, found.most) == (2, None, None, 1, 3)


def test_what_is_missing_or_infinite_is_left_out() -> None:
    found = spread([None, float("inf"), float("nan"), 0.5])
    assert found is not None
    assert (found.mean, found.n) == (0.5, 1)
    assert spread([None, float("inf")]) is None


@pytest.mark.parametrize(("hits", "n", "chance"), [(3, 12, 1 / 12), (5, 20, 0.05), (20, 20, 0.9)])
def test_luck_is_the_upper_tail_of_the_binomial(hits: int, n: int, chance: float) -> None:
    tail = sum(comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(hits, n + 1))
    assert luck(hits, n, chance) == pytest.approx(tail)


def test_luck_needs_no_more_room_for_thousands() -> None:
    assert luck(3000, 5000, 0.5) == pytest.approx(0.0, abs=1e-9)
    assert luck(2500, 5000, 0.5) == pytest.approx(0.5, abs=0.02)
    assert luck(3, 5, 1.0) == 1.0
    assert luck(3, 5, 0.0) == 0.0


@pytest.mark.parametrize("who", [(0, 1, 2, 3, 4), (0, 0, 1, 1), (0, 0, 0, 1), (0, 0, 1, 2)])
def test_luck_of_picks_bounds_every_way_to_pick_blindly(who: Sequence[int]) -> None:
    n = len(who)
    chance = sum(a == b for a in who for b in who) / n**2
    orders = [[who[i] for i in order] for order in permutations(range(n))]
    for picks in product(sorted(set(who)), repeat=n):
        hits = [sum(a == b for a, b in zip(picks, order, strict=True)) for order in orders]
        for k in range(n + 1):
            often = sum(h >= k for h in hits) / len(hits)
            assert often <= luck_of_picks(k, n, chance) + 1e-12


@pytest.mark.parametrize(("hits", "n"), [(0, 6), (3, 6), (6, 6), (7, 100), (90, 100)])
def test_luck_of_picks_is_never_less_than_luck(hits: int, n: int) -> None:
    assert luck_of_picks(hits, n, 1 / n) >= luck(hits, n, 1 / n)
    assert luck_of_picks(hits, n, 1 / n) == pytest.approx(1 / factorial(hits))


def test_luck_of_picks_knows_the_ends_of_chance() -> None:
    assert luck_of_picks(1, 5, 0.0) == 0.0
    assert luck_of_picks(5, 5, 1.0) == 1.0
