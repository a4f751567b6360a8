"""Linkage: known values, laws, and what chance alone gives."""

import numpy as np
import pytest
import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.metrics.linkage import auc, d_sys, d_sys_by_chance, equal_error_rate


def _normal(mean: float, n: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, n))


def test_scores_that_never_overlap_link_everything() -> None:
    same, other = _normal(30, 200, 0), _normal(0, 300, 1)
    assert auc(same, other) == 1.0
    assert equal_error_rate(same, other) == 0.0
    assert d_sys(same, other) == 1.0


def test_the_auc_counts_pairs_and_half_of_the_ties() -> None:
    same, other = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([0.0, 2.0])
    brute = np.mean([(a > b) + 0.5 * (a == b) for a in same.tolist() for b in other.tolist()])
    assert auc(same, other) == pytest.approx(brute)


def test_two_normals_have_the_error_rate_of_theory() -> None:
    same, other = _normal(2, 40_000, 2), _normal(0, 40_000, 3)
    assert equal_error_rate(same, other) == pytest.approx(0.1587, abs=0.005)
    assert auc(same, other) == pytest.approx(0.9214, abs=0.005)


def test_d_sys_of_two_uniforms_that_share_half_is_that_of_theory() -> None:
    rng = np.random.default_rng(4)
    same = torch.from_numpy(rng.uniform(0.5, 1.5, 50_000))
    other = torch.from_numpy(rng.uniform(0, 1, 50_000))
    assert d_sys(same, other) == pytest.approx(0.5, abs=0.02)


def test_scores_that_mean_nothing_stay_below_what_chance_gives() -> None:
    same, other = _normal(0, 60, 5), _normal(0, 2000, 6)
    chance = d_sys_by_chance(same, other)
    assert 0 < d_sys(same, other) <= chance < 0.35
    assert d_sys_by_chance(_normal(0, 5000, 7), _normal(0, 5000, 8)) < 0.1
    assert d_sys(_normal(3, 60, 9), other) > chance


def test_one_value_for_all_links_nothing() -> None:
    ones = torch.ones(20)
    assert d_sys(ones, ones) == 0.0
    assert auc(ones, ones) == 0.5


def test_scores_of_one_kind_alone_are_refused() -> None:
    for measure in (auc, equal_error_rate, d_sys, d_sys_by_chance):
        with pytest.raises(UsageError, match="0 pairs that belong together and 3"):
            measure(torch.zeros(0), torch.zeros(3))
