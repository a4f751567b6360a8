import subprocess
import sys
from importlib.resources import files

import pytest

from anamorph.errors import UsageError
from anamorph.portraits import EXPRESSIONS, accuracy, names
from anamorph.portraits.catalog import card

FAMILIES = ("convnext", "dense", "depthwise", "residual", "transformer", "vgg")


def test_six_models_know_people_and_three_know_expressions() -> None:
    assert names() == (
        "expression-depthwise",
        "expression-residual",
        "expression-vgg",
        *(f"identity-{family}" for family in FAMILIES),
    )


@pytest.mark.parametrize("name", names())
def test_a_card_says_what_a_loader_needs(name: str) -> None:
    fields = card(name)
    assert fields["name"] == name
    assert fields["source"] == f"portraits:{name}"
    assert fields["task"] == "classify"
    assert fields["tap"] == ["stages.0"]
    assert fields["input"]["size"] == [64, 64]
    assert fields["input"]["mean"] == fields["input"]["std"] == [0.5, 0.5, 0.5]
    assert len(fields["labels"]) == (40 if name.startswith("identity") else 5)
    assert "accuracy" not in fields


def test_expression_models_name_the_expressions_in_order() -> None:
    assert tuple(card("expression-vgg")["labels"]) == EXPRESSIONS


@pytest.mark.parametrize("name", names())
def test_every_model_is_good_at_its_task(name: str) -> None:
    least = 0.9 if name.startswith("expression") else 0.96
    assert accuracy(name).clean >= least
    assert accuracy(name).n >= 1000


def test_all_weights_together_stay_small() -> None:
    weights = files("anamorph.portraits").joinpath("weights")
    assert sum(len(file.read_bytes()) for file in weights.iterdir()) < 8e6


def test_a_model_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"portraits:identity-gpt does not exist.*identity-vgg"):
        card("identity-gpt")


def test_portraits_can_be_had_without_torch() -> None:
    code = "import sys, anamorph.portraits as p; p.portrait(0); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
