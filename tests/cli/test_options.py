"""Options come from the knobs of a dataclass, each declared once."""

from collections.abc import Callable
from typing import Any

import click
import pytest

from anamorph.cli.options import chosen
from anamorph.cli.protect import command
from anamorph.errors import ParameterError
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.parameters import Knob, knobs

Anamorph = Callable[..., Any]

OPTIONS = {parameter.name: parameter for parameter in command.params}


@pytest.mark.parametrize("knob", knobs(FMD), ids=lambda knob: knob.name)
def test_every_knob_has_an_option_that_tells_its_meaning_symbol_and_range(knob: Knob) -> None:
    option = OPTIONS[knob.name]
    assert isinstance(option, click.Option)
    assert option.opts == ["--" + knob.name.replace("_", "-")]
    assert option.default is None
    assert option.help is not None
    assert option.help.startswith(knob.meaning)
    assert f"({knob.symbol})" in option.help or not knob.symbol
    if knob.choices:
        assert isinstance(option.type, click.Choice)
        assert tuple(option.type.choices) == knob.choices
    else:
        assert f"[{knob.range}]" in option.help


def test_presets_are_offered_and_fast_is_the_default() -> None:
    preset = OPTIONS["preset"]
    assert isinstance(preset.type, click.Choice)
    assert list(preset.type.choices) == list(PRESETS)
    assert preset.default == "fast"


def test_budgets_are_typed_in_levels() -> None:
    assert chosen(PRESETS, "fast", {"epsilon": 8.0}) == FMD(epsilon=8 / 255)


def test_options_change_the_preset_and_leave_the_rest() -> None:
    p = chosen(PRESETS, "paper", {"steps": 7, "momentum": None, "balance": "constrained"})
    assert p.steps == 7
    assert p.balance == "constrained"
    assert p.momentum == PRESETS["paper"].momentum
    assert p.step_size == PRESETS["paper"].step_size


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epsilon": -1.0}, "epsilon is -1, but must be above 0, at most 255"),
        ({"epsilon": 256.0}, "epsilon is 256"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"least_cosine": 1.5}, "least_cosine is 1.5"),
    ],
)
def test_a_value_out_of_range_is_refused_on_the_scale_it_was_typed(
    given: dict[str, float], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        chosen(PRESETS, "fast", given)
