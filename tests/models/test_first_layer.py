"""The first layer that computes something."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.errors import LayerNotFound
from anamorph.models import Model, load
from anamorph.models.first_layer import first_layer


class Backwards(nn.Module):
    """Its layers stand in another order than they run."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(4, 2, 1)
        self.first = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.first(x).relu()).mean((2, 3))
        return out


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) @ self.weight


def test_it_is_the_first_that_runs(toy_of: Callable[..., Model]) -> None:
    first = first_layer(toy_of(Backwards(), tap=("first",)))
    assert first(torch.rand(2, 3, 20, 30)).shape == (2, 4, 14, 14)


@pytest.mark.parametrize("name", ["identity-vgg", "identity-convnext", "identity-transformer"])
def test_it_answers_twice_the_change_with_twice_the_response(name: str) -> None:
    first = first_layer(load(f"portraits:{name}"))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 80, 70, generator=generator)
    d = torch.rand(1, 3, 80, 70, generator=generator) / 10
    assert_close(first(x + 2 * d) - first(x), 2 * (first(x + d) - first(x)), rtol=1e-3, atol=1e-4)


def test_a_network_without_such_layers_is_refused(toy_of: Callable[..., Model]) -> None:
    with pytest.raises(LayerNotFound, match="runs no convolution"):
        first_layer(toy_of(Bare(), tap=()))
