"""Labels of one model found in another, and models that may not judge."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from anamorph.auditing.parties import Labels, outputs, own_numbers, surrogates_in
from anamorph.errors import UsageError

MakeParty = Callable[..., Any]


def test_equal_names_are_found_whatever_their_order(toy_party: MakeParty) -> None:
    party = toy_party(labels=("cat", "ant", "bee"))
    labels = Labels(of=(0, 2, 2), names=("ant", "bee", "cat"))
    assert own_numbers(party, labels, 3) == {0: 1, 2: 0}


def test_names_that_are_not_used_need_not_be_known(toy_party: MakeParty) -> None:
    party = toy_party(labels=("dog", "ant"))
    assert own_numbers(party, Labels(of=(0,), names=("ant", "bee")), 2) == {0: 1}


def test_a_used_name_that_is_missing_is_refused_by_name(toy_party: MakeParty) -> None:
    party = toy_party(name="other", labels=("dog", "ant"))
    with pytest.raises(UsageError, match=r"other: does not know the labels 'bee'"):
        own_numbers(party, Labels(of=(0, 1), names=("ant", "bee")), 2)


def test_without_names_equally_many_classes_mean_the_same(toy_party: MakeParty) -> None:
    assert own_numbers(toy_party(), Labels(of=(2, 1), names=("a", "b", "c")), 3) == {1: 1, 2: 2}


def test_without_names_another_number_of_classes_is_refused(toy_party: MakeParty) -> None:
    with pytest.raises(UsageError, match="has 3 classes and the authorized model 5"):
        own_numbers(toy_party(), Labels(of=(1,), names=()), 5)


def test_outputs_are_counted_by_asking(toy_party: MakeParty) -> None:
    assert outputs(toy_party(lambda images: torch.zeros(len(images), 7))) == 7


def test_surrogates_are_found_wherever_a_manifest_names_them() -> None:
    models = {
        "authorized": {"name": "a", "weights_sha256": "1"},
        "surrogates": [{"weights_sha256": "2"}, {"weights_sha256": "3", "tap": ["x"]}],
        "more": {"deep": [{"weights_sha256": "4"}]},
    }
    assert surrogates_in(models) == {"1", "2", "3", "4"}
    assert surrogates_in({}) == frozenset()
