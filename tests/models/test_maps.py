"""The last feature map: which layer it is, and what gradients arrive there."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from anamorph.errors import ModelError
from anamorph.models import Model, load
from anamorph.models.maps import last_map

ToyOf = Callable[..., Model]


class Squeezed(nn.Module):
    """Convolution, norm, an activation in place, pooling, and a convolution of a single place."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.gate(self.pool(self.features(x))).flatten(1)
        return answer


def seeded(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return network


def pictures(n: int = 2) -> Tensor:
    return torch.rand(n, 3, 20, 24, generator=torch.Generator().manual_seed(0))


def test_it_is_what_leaves_the_last_convolution_with_places_before_pooling(toy_of: ToyOf) -> None:
    assert last_map(toy_of(seeded(Squeezed()), tap=())).layer == "features"


@pytest.mark.parametrize(
    ("name", "layer"),
    [("identity-vgg", "stages.2.2"), ("identity-dense", "stages.2.5")],
)
def test_pooling_is_not_looked_through(name: str, layer: str) -> None:
    assert last_map(load(f"portraits:{name}")).layer == layer


def test_the_output_is_the_models_own(toy_of: ToyOf) -> None:
    model = toy_of(seeded(Squeezed()), tap=())
    activation, output = last_map(model)(pictures())
    torch.testing.assert_close(output.detach(), model.output(pictures()))
    assert activation.shape == (2, 4, 8, 8)


def test_layers_that_work_in_place_do_not_reach_the_map(toy_of: ToyOf) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten())
    whole = nn.Sequential(network, nn.Linear(4 * 14 * 14, 3))
    found = last_map(toy_of(seeded(whole), tap=()))
    negative = type(found)(model=found.model, layer="0.0")(pictures()).activation
    assert bool((negative < 0).any())


def test_gradients_arrive_at_the_map_and_go_no_further(toy_of: ToyOf) -> None:
    x = pictures().requires_grad_()
    activation, output = last_map(toy_of(seeded(Squeezed()), tap=()))(x)
    (slope,) = torch.autograd.grad(output[:, 0].sum(), activation)
    assert bool(slope.any())
    assert activation.is_leaf


def test_it_works_where_gradients_are_off(toy_of: ToyOf) -> None:
    found = last_map(toy_of(seeded(Squeezed()), tap=()))
    with torch.no_grad():
        assert found(pictures()).output.requires_grad


def test_a_tuple_of_results_passes_on(toy_of: ToyOf) -> None:
    class Pair(nn.Conv2d):
        def forward(self, input: Tensor) -> tuple[Tensor, str]:  # type: ignore[override]
            return super().forward(input), "more"

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            first: Tensor = self.pair(x)[0]
            return first.mean((2, 3))

    activation, output = last_map(toy_of(seeded(First()), tap=()))(pictures())
    (slope,) = torch.autograd.grad(output.sum(), activation)
    torch.testing.assert_close(slope, torch.full_like(slope, 1 / slope[0, 0].numel()))


def test_a_network_without_convolutions_says_so(toy_of: ToyOf) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5))
    with pytest.raises(ModelError, match="toy: has no convolution that leaves a map"):
        last_map(toy_of(seeded(flat), tap=()))


def test_a_convolution_that_runs_twice_is_no_last_layer(toy_of: ToyOf) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            seen: Tensor = self.same(self.same(x))
            return seen.mean((2, 3))

    with pytest.raises(ModelError, match="runs more than once"):
        last_map(toy_of(seeded(Twice()), tap=()))


def test_what_is_shown_is_what_the_network_sees(toy_of: ToyOf) -> None:
    x = torch.full((1, 3, 32, 32), 0.25)
    shown = last_map(toy_of(seeded(Squeezed()), tap=())).shown(x)
    torch.testing.assert_close(shown, torch.full((1, 3, 16, 16), 0.25))
