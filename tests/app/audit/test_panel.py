"""Which models may judge."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import nn

from anamorph.app.audit.panel import panel_of
from anamorph.errors import UsageError
from anamorph.models import Model

ToyOf = Callable[..., Model]


@pytest.fixture
def other(toy_of: ToyOf, network: Callable[..., nn.Module]) -> Model:
    return toy_of(network(5, 9), name="other")


def test_a_model_that_the_manifest_names_is_no_unseen_one(toy: Model, other: Model) -> None:
    used = {"surrogates": [{"weights_sha256": other.weights_digest}]}
    with pytest.raises(UsageError, match="other: was used while protecting"):
        panel_of(toy, [other], used, allow_surrogates=False)
    allowed = panel_of(toy, [other], used, allow_surrogates=True)
    assert allowed.is_surrogate(other)
    assert not allowed.is_surrogate(toy)


def test_files_that_were_protected_for_another_model_are_told(toy: Model, other: Model) -> None:
    used = {"authorized": {"name": "third", "weights_sha256": "x"}}
    (note,) = panel_of(toy, [other], used, allow_surrogates=False).notes
    assert "protected for third" in note
    own = {"authorized": {"name": toy.name, "weights_sha256": toy.weights_digest}}
    assert panel_of(toy, [other], own, allow_surrogates=False).notes == ()


def test_each_of_several_authorized_models_may_be_audited_and_none_is_unseen(
    toy: Model, other: Model, embedder: Model
) -> None:
    used = {
        "authorized": {"name": "third", "weights_sha256": "x"},
        "also_authorized": [{"name": toy.name, "weights_sha256": toy.weights_digest}],
    }
    assert panel_of(toy, [other], used, allow_surrogates=False).notes == ()
    (note,) = panel_of(other, [embedder], used, allow_surrogates=False).notes
    assert "protected for third and toy, not for" in note
    with pytest.raises(UsageError, match="toy: was used while protecting"):
        panel_of(other, [toy], used, allow_surrogates=False)


@pytest.mark.parametrize("used", [{"authorized": "x"}, {"authorized": {}}, {"also_authorized": 3}])
def test_a_manifest_that_says_nothing_of_models_is_no_fault(
    toy: Model, other: Model, used: dict[str, object]
) -> None:
    assert panel_of(toy, [other], used, allow_surrogates=False).notes == ()


def test_detectors_are_refused(toy: Model, other: Model) -> None:
    detector = replace(other, card=replace(other.card, task="detect"))
    with pytest.raises(UsageError, match="detectors cannot be audited"):
        panel_of(toy, [detector], {}, allow_surrogates=False)


def test_labels_go_to_classifiers_only(toy: Model, other: Model, embedder: Model) -> None:
    panel = panel_of(toy, [other, embedder], {}, allow_surrogates=False)
    labeled = panel.readings([0, 3])
    assert [r.wanted is None for r in labeled] == [False, False, True]
    assert labeled[1].wanted is not None
    assert labeled[1].wanted.tolist() == [0, 3]
    assert all(r.wanted is None for r in panel.readings([None, None]))


def test_a_panel_without_models_is_refused(toy: Model) -> None:
    with pytest.raises(UsageError, match="give at least one model with --panel"):
        panel_of(toy, [], {}, allow_surrogates=False)
