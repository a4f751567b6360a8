import numpy as np
import pytest
from benchmarks.intervals import mean_share, share, spread


def test_a_share_counts_only_what_it_is_asked_to_count() -> None:
    hits = np.array([True, False, True, False])
    among = np.array([True, True, False, False])
    assert share(hits)["n"] == 4
    assert share(hits, among)["n"] == 2
    assert share(hits, among)["share"] == 0.5


def test_a_share_of_no_pictures_is_none() -> None:
    assert share(np.array([], dtype=bool)) == {"share": None, "n": 0, "interval": [0.0, 1.0]}


def test_the_mean_over_models_weighs_models_alike() -> None:
    hits = np.array([[True, False], [True, False], [True, True], [False, False]])
    among = np.array([[True, False], [True, False], [True, True], [True, True]])
    mean = mean_share(hits, among, np.random.default_rng(0))
    assert mean["share"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert mean["interval"][0] <= mean["share"] <= mean["interval"][1]


def test_the_interval_of_a_mean_narrows_with_more_pictures() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.random((20, 3)) < 0.5, rng.random((500, 3)) < 0.5
    widths = []
    for hits in (few, many):
        low, high = mean_share(hits, np.ones_like(hits), np.random.default_rng(0))["interval"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_a_mean_over_models_that_have_nothing_to_judge_is_none() -> None:
    nothing = np.zeros((3, 2), dtype=bool)
    assert mean_share(nothing, nothing, np.random.default_rng(0))["share"] is None


def test_the_spread_does_not_depend_on_the_order() -> None:
    assert spread([1.0, 5.0, 2.0]) == spread([5.0, 2.0, 1.0])
    assert spread([1.0, 5.0, 2.0])["median"] == 2.0
