"""Guesses beside originals: how near, and which original they point at."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from anamorph.auditing.hidden.figures import Attempt
from anamorph.auditing.hidden.lineup import attempted, lineup
from anamorph.auditing.hidden.witness import Witness

Pictures = Callable[..., Tensor]
NAMES = ["a", "b", "c", "d", "e", "f"]


def test_who_guesses_right_picks_everyone(pictures: Pictures, judge: Witness) -> None:
    originals = pictures(6)
    for who in (judge, None):
        row = attempted("seer", "", originals, lineup(originals, NAMES, who))
        assert row.picked.value == 1
        assert row.hits == 6
        assert row.chance == pytest.approx(1 / 6)
        assert row.ssim is not None
        assert row.ssim.least == pytest.approx(1, abs=1e-5)
        assert (row.identity is None) == (who is None)


def test_who_says_the_same_of_all_picks_one(pictures: Pictures, judge: Witness) -> None:
    originals = pictures(6)
    same = originals.mean(0, keepdim=True).expand_as(originals)
    for who in (judge, None):
        assert attempted("mean", "", same, lineup(originals, NAMES, who)).hits <= 1


def test_copies_of_an_original_are_all_right(pictures: Pictures, judge: Witness) -> None:
    originals = pictures(3).repeat(2, 1, 1, 1)
    among = lineup(originals, ["a", "b", "c"] * 2, judge)
    assert among.chance == pytest.approx(1 / 3)
    assert attempted("seer", "", originals.roll(3, 0), among).picked.value == 1


def test_fewer_guesses_are_held_against_all_originals(pictures: Pictures, judge: Witness) -> None:
    originals = pictures(6)
    row = attempted("seer", "", originals[:2], lineup(originals, NAMES, judge))
    assert (row.picked.n, row.hits) == (2, 2)
    assert row.chance == pytest.approx(1 / 6)


def test_a_judge_that_crashes_leaves_the_rest_standing(pictures: Pictures, broken: Witness) -> None:
    originals = pictures(6)
    row: Attempt = attempted("seer", "", originals, lineup(originals, NAMES, broken))
    assert row.identity is None
    assert row.picked.value == 1
    assert broken.errors == ["RuntimeError: <b>out</b> of memory"]


def test_a_judge_that_crashed_is_asked_no_more(broken: Witness) -> None:
    for _ in range(3):
        assert broken.readings([torch.zeros(1, 3, 8, 8)]) is None
    assert len(broken.errors) == 1
