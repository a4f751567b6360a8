"""Glances: shown small, stopped at the last tap."""

import pytest
import torch
from torch import Tensor, nn

from anamorph.models import Model, wrap


class Last(nn.Module):
    """A layer that notes that it ran."""

    ran = 0

    def forward(self, x: Tensor) -> Tensor:
        Last.ran += 1
        return x


def model_of(*layers: nn.Module) -> Model:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
        Last(),
    )
    return wrap(network, name="toy", size=(64, 64), mean=(0.5,) * 3, std=(0.5,) * 3, tap=("0",))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_pictures_are_shown_small_and_the_rest_is_not_run(images: Tensor) -> None:
    glanced = model_of().glance(0.5)
    Last.ran = 0
    (features,) = glanced(images, lambda shown: shown)
    assert features.shape == (2, 8, 16, 16)
    assert Last.ran == 0


def test_what_a_network_is_shown_is_held_at_its_size(images: Tensor) -> None:
    sizes = []

    def held(shown: Tensor) -> Tensor:
        sizes.append(tuple(shown.shape))
        return shown.flip(-1)

    glanced = model_of().glance(0.5)
    (features,) = glanced(images, held)
    (mirrored,) = glanced(images.flip(-1), lambda shown: shown)
    assert sizes == [(2, 3, 32, 32)]
    torch.testing.assert_close(features, mirrored, atol=1e-5, rtol=0)
