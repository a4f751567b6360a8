"""Thresholds, accuracy and links, by scores that are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from anamorph.auditing.shielded.matching import (
    Threshold,
    accuracy,
    link,
    pairing,
    threshold,
)

LIMIT = Threshold(0.5, "given")


def _table(genuine: float, impostor: float, n: int = 20) -> Tensor:
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.05, (n, n)))
    return torch.where(torch.eye(n, dtype=torch.bool), genuine, impostor) + noise


def test_pairs_are_counted_by_person_and_no_picture_meets_itself() -> None:
    rows, columns = torch.tensor([0, 1, 1]), torch.tensor([1, 0])
    assert pairing(rows, columns).counts == (3, 3)
    assert pairing(rows, rows).counts == (5, 4)
    assert pairing(rows, rows, itself=True).counts == (2, 4)
    assert pairing(rows, rows, once=True).counts == (1, 2)


@pytest.mark.parametrize(
    ("people", "says"),
    [(40, "which 0.1 % of 1560"), (12, "which 1.0 % of 132"), (5, "too few to find it")],
)
def test_the_threshold_is_of_the_smallest_rate_there_are_pairs_for(people: int, says: str) -> None:
    who = torch.arange(people)
    found = threshold(_table(0.8, 0.1, people), pairing(who, who))
    assert says in found.meaning
    assert (found.value is None) == (people == 5)


def test_a_threshold_that_is_given_is_taken() -> None:
    who = torch.arange(3)
    assert threshold(torch.eye(3), pairing(who, who), 0.36).value == 0.36


def test_accuracy_before_and_after() -> None:
    who = torch.arange(20)
    clean, worse = _table(0.8, 0.1), _table(0.1, 0.1)
    found = accuracy("p", clean, worse, pairing(who, who), LIMIT)
    assert (found.genuine, found.impostor) == (20, 380)
    assert found.before is not None
    assert found.after is not None
    assert found.before.accuracy.value == 1.0
    assert found.before.tar["0.01"].value == 1.0
    assert found.before.tar["0.001"].value is None  # needs 1000 pairs
    assert found.after.accuracy.value == pytest.approx(0.5, abs=0.1)
    assert (found.after.tar["0.01"].value or 0) < 0.3
    assert found.accepted.value == 0.0


def test_accuracy_without_pairs_of_one_person_is_not_made_up() -> None:
    who = torch.arange(4)
    found = accuracy("p", torch.eye(4), None, pairing(who, who, itself=True), LIMIT)
    assert found.before is None
    assert "0 pairs of one person and 12 of two: give other pictures" in found.reason


def test_links_of_two_stores_have_their_unlinkability() -> None:
    who, rng = torch.arange(40), np.random.default_rng(1)
    one = torch.from_numpy(rng.normal(size=(40, 64)))
    other = torch.from_numpy(rng.normal(size=(40, 64)))
    same = link("a", "b", one, one, pairing(who, who), LIMIT, stores=True)
    assert (same.auc, same.equal_error_rate, same.d_sys) == (1.0, 0.0, 1.0)
    assert same.accepted.value == 1.0
    apart = link("a", "b", one, other, pairing(who, who), LIMIT, stores=True)
    assert apart.d_sys is not None
    assert apart.d_sys_by_chance is not None
    assert apart.d_sys <= apart.d_sys_by_chance + 0.05
    assert apart.accepted.value == 0.0
    alone = link("a", "b", one, one, pairing(who, who, once=True), LIMIT)
    assert alone.reason.startswith("0 pairs that belong together and 780")
