"""Glances: shown small, stopped at the last tap, in shorter numbers."""

from collections.abc import Iterator
from itertools import cycle

import pytest
import torch
from torch import Tensor, nn

from anamorph.models import Model, glance, wrap


class OnlyLong(nn.Module):
    """A layer that takes no numbers but single precision."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float32:
            raise RuntimeError("not implemented for 'BFloat16'")
        return x


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
    (features,) = glanced(images)
    assert features.shape == (2, 8, 16, 16)
    assert Last.ran == 0


def test_short_numbers_give_nearly_the_same_features_and_gradients(images: Tensor) -> None:
    model = model_of(nn.ReLU())
    x = images.requires_grad_()
    seen = []
    for precision in ("float32", "bfloat16"):
        (features,) = model.glance(0.5, precision)(x)
        assert features.dtype == torch.float32
        seen.append((features.detach(), *torch.autograd.grad(features.square().sum(), x)))
    (full, up), (short, steep) = seen
    assert not torch.equal(full, short)
    assert torch.allclose(full, short, atol=0.03)
    assert (up.sign() == steep.sign()).double().mean() > 0.9
    assert next(model.network.parameters()).dtype == torch.float32


def test_a_network_that_refuses_short_numbers_keeps_its_own(images: Tensor) -> None:
    model = model_of(OnlyLong())
    assert torch.equal(model.glance(1, "bfloat16")(images)[0], model.glance(1)(images)[0])


@pytest.mark.parametrize(("seconds", "same"), [((1.0, 1.0), True), ((0.5, 1.0), False)])
def test_the_probe_takes_short_numbers_only_where_they_are_faster(
    seconds: tuple[float, float], same: bool, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Iterator[float] = cycle(seconds)  # the short one first
    monkeypatch.setattr(glance, "_seconds", lambda *_: next(clock))
    model = model_of()
    assert torch.equal(model.glance(1, "auto")(images)[0], model.glance(1)(images)[0]) is same


def test_the_probe_measures_a_pass_there_and_back(images: Tensor) -> None:
    assert 0 < glance._seconds(model_of().glance(0.5), images) < 10
