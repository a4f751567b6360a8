"""Which models there are, which layers to tap, and whether a model works."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from anamorph import portraits
from anamorph.app.models import LayerScore, list_models, rank_layers
from anamorph.errors import ModelError, UsageError
from anamorph.models import Model

ToyOf = Callable[..., Model]


@pytest.fixture
def deep(toy_of: ToyOf) -> Model:
    """Three convolutions, so that there are layers to choose from."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3),
        nn.Flatten(),
        nn.Linear(72, 4),
    )
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 3
    return toy_of(network, tap=())


def test_the_models_of_the_package_are_listed_with_what_they_can_do() -> None:
    listed = list_models()
    assert [model.spec for model in listed] == [f"portraits:{name}" for name in portraits.names()]
    assert all("%" in model.about for model in listed)


def test_layers_are_ranked_by_the_damage_they_do(deep: Model, photos: Path) -> None:
    found: list[int] = []
    done: list[LayerScore] = []
    scores = rank_layers(deep, [photos], count=3, found=found.append, done=done.append)
    names = {candidate.name for candidate in deep.candidates()}
    assert {score.layer for score in scores} == names
    assert found == [len(names)]
    assert len(done) == len(names) > 1
    assert [score.damage for score in scores] == sorted((s.damage for s in scores), reverse=True)
    for score in scores:
        assert score.distortion > 1
        assert 0 <= score.kept <= 1
        assert (score.margin >= 0) or score.kept < 1


def test_ranking_passes_over_files_that_are_no_pictures(deep: Model, photos: Path) -> None:
    (photos / "a-broken.png").write_bytes(b"broken")
    assert rank_layers(deep, [photos], count=2)
    with pytest.raises(UsageError, match="no picture could be read"):
        rank_layers(deep, [photos / "a-broken.png"])


def test_a_model_whose_layers_cannot_be_tapped_is_not_ranked(deep: Model) -> None:
    with pytest.raises(ModelError, match="tapped"):
        rank_layers(replace(deep, hooks=False))
