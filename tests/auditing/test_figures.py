"""From readings to figures, counted by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from anamorph.auditing.figures import ModelFigures, model_figures, panel_means, picture_reading
from anamorph.auditing.protocol import Readings
from anamorph.auditing.views import CLEAN, PROTECTED, Pair, View, views
from anamorph.metrics.accuracy import NOTHING, share

MakeParty = Callable[..., Any]
MakePair = Callable[..., Pair]
Read = Callable[..., list[str]]
Figures = Callable[..., ModelFigures]


@pytest.fixture
def figures(toy_party: MakeParty, levels_pair: MakePair, read: Read) -> Figures:
    """Of four pictures: dark kept, dark lost, bright kept, and one misread; inverted as attack."""
    pairs = [
        levels_pair(0, 30, 40),
        levels_pair(1, 30, 220),
        levels_pair(2, 220, 200),
        levels_pair(3, 128, 30),
    ]

    def make(*, labeled: bool = True, surrogate: bool = False, **about: object) -> ModelFigures:
        wanted = np.array([0, 0, 2, 0]) if labeled else None
        readings = Readings(party=toy_party(**about), wanted=wanted)
        forms = views(["invert"], controls=True)
        read([readings], [pairs], forms, {"invert": lambda p: 255 - p})
        noise = ("sign noise", "gaussian noise")
        return model_figures(readings, ("invert",), noise, surrogate=surrogate)

    return make


def test_figures_with_labels_are_counted_against_the_labels(figures: Figures) -> None:
    found = figures()
    assert found.clean == share(3, 4)
    assert found.protected == share(3, 4)
    assert found.kept == share(2, 3)
    assert found.agreement == share(2, 4)
    assert found.under["invert"].kept == share(1, 3)
    assert found.under["invert"].clean == share(0, 3)


def test_without_labels_nobody_knows_what_is_right_of_the_originals(figures: Figures) -> None:
    found = figures(labeled=False)
    assert found.clean == NOTHING
    assert found.kept == found.protected == found.agreement == share(2, 4)
    assert found.under["invert"].kept == share(1, 4)


def test_a_model_that_read_nothing_right_has_nothing_to_keep(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    readings = Readings(party=toy_party(), wanted=np.array([1]))
    read([readings], [[levels_pair(0, 10, 20)]], (CLEAN, PROTECTED))
    found = model_figures(readings, (), (), surrogate=False)
    assert found.clean == share(0, 1)
    assert found.kept == NOTHING


def test_a_model_that_crashed_has_no_figures(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    def crash(_: object) -> torch.Tensor:
        raise MemoryError("too large")

    readings = Readings(party=toy_party(crash), wanted=np.array([0]))
    read([readings], [[levels_pair(0, 10, 20)]], views(["a"], controls=False), {"a": lambda p: p})
    found = model_figures(readings, ("a",), (), surrogate=False)
    assert found.error == "MemoryError: too large"
    assert found.clean == found.kept == found.under["a"].kept == NOTHING
    assert not found.counts


def test_means_leave_out_models_that_crashed_or_were_used_while_protecting(
    figures: Figures,
) -> None:
    known, unseen = figures(surrogate=True), figures(name="unseen")
    means = panel_means([known, unseen], ("invert",), ("sign noise",))
    assert means.models == 1
    assert means.kept == unseen.kept
    assert means.under["invert"].kept == unseen.under["invert"].kept
    assert panel_means([known], (), ()).kept == NOTHING


def test_confidence_is_a_mean_over_pictures(figures: Figures) -> None:
    found = figures()
    assert found.confidence_clean.n == 4
    assert 0.9 < (found.confidence_clean.value or 0) <= 1
    assert found.cosine is None


def test_a_picture_is_told_by_the_names_of_its_classes(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    party = toy_party(labels=("dark", "medium", "bright"))
    readings = Readings(party=party, wanted=np.array([0]))
    read([readings], [[levels_pair(0, 30, 220)]], (CLEAN, PROTECTED))
    told = picture_reading(readings, 0)
    assert (told.answer_clean, told.answer_protected) == ("dark", "bright")
    assert (told.right_clean, told.right_protected) == (True, False)
    assert told.confidence_clean == readings.confidence[View("clean")][0]
