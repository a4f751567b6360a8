import sys
from types import ModuleType

import pytest
from torch import nn

from anamorph.errors import ModelError
from anamorph.models import load


@pytest.fixture
def fake_portraits(tiny: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        "name": "tiny",
        "source": "portraits:tiny",
        "task": "classify",
        "labels": ["a", "b", "c", "d"],
        "tap": ["blocks.2"],
        "input": {"size": [16, 16], "mean": [0.5] * 3, "std": [0.5] * 3},
        "accuracy": {"clean": 0.9, "n": 10},
    }
    module = ModuleType("anamorph.portraits")
    module.names = lambda: ("tiny",)  # type: ignore[attr-defined]
    module.build = lambda name: (tiny, fields)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "anamorph.portraits", module)


@pytest.mark.usefixtures("fake_portraits")
def test_a_portraits_network_brings_its_own_card() -> None:
    model = load("portraits:tiny")
    assert (model.name, model.taps, model.labels) == ("tiny", ("blocks.2",), ("a", "b", "c", "d"))
    assert model.input.size == (16, 16)


@pytest.mark.usefixtures("fake_portraits")
def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelError, match="no network 'tin'; it has tiny"):
        load("portraits:tin")
