"""ReLU6 that keeps one map: the same answers and gradients, but where others change the map."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.models import wrap
from anamorph.models.clipping import Clipped, keep_less


class Restless(nn.Module):
    """Changes in place what a convolution then reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU6(inplace=True)
        self.second = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        clipped = self.act(self.norm(self.first(x)))
        out: Tensor = self.second(clipped.mul_(2)).mean((2, 3))
        return out


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU6(inplace=True),
        nn.Conv2d(6, 6, 3),
        nn.ReLU6(),
        nn.Conv2d(6, 6, 3),
        nn.ReLU6(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ).eval()


@pytest.fixture
def x() -> Tensor:
    return 8 * torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def test_only_activations_in_place_that_a_convolution_reads_are_replaced(x: Tensor) -> None:
    changed = network()
    keep_less(changed, x)
    assert [type(changed[i]) for i in (2, 4, 6)] == [Clipped, nn.ReLU6, nn.ReLU6]


def test_answers_and_gradients_stay_the_same(x: Tensor) -> None:
    changed = network()
    state = changed.state_dict()
    keep_less(changed, x)
    found = []
    for one in (network(), changed):
        one.load_state_dict(state)
        pictures = x.clone().requires_grad_()
        y = one(pictures)
        found.append((y, *torch.autograd.grad(y.square().sum(), pictures)))
    assert_close(found[0], found[1], atol=0, rtol=0)


def test_what_needs_no_gradient_is_clipped_too() -> None:
    x = torch.tensor([-1.0, 3.0, 9.0])
    assert Clipped()(x).tolist() == [0, 3, 6]
    assert x.tolist() == [0, 3, 6]


@pytest.mark.parametrize("made", [network, Restless])
def test_a_network_that_changes_what_was_clipped_stays_as_it_is(made: type[nn.Module]) -> None:
    model = wrap(made(), name="a", size=(16, 16), mean=(0.5,) * 3, std=(0.5,) * 3)
    assert (model.folded is None) == (made is Restless)
    pictures = torch.rand(1, 3, 16, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(model.output(pictures).sum(), pictures)
    assert gradient.abs().sum() > 0
