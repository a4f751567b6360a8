"""Models that compute in shorter numbers, and when they do not."""

from collections.abc import Iterator
from itertools import cycle

import pytest
import torch
from torch import Tensor, nn

from anamorph.models import Model, precision, wrap
from anamorph.models.precision import in_precision
from anamorph.types import Precision


class OnlyLong(nn.Module):
    """A layer that takes no numbers but single precision."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float32:
            raise RuntimeError("not implemented for 'BFloat16'")
        return x


def model_of(*layers: nn.Module) -> Model:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )
    return wrap(network, name="toy", size=(64, 64), mean=(0.5,) * 3, std=(0.5,) * 3, tap=("2",))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_short_numbers_give_nearly_the_same_features_and_gradients(images: Tensor) -> None:
    model = model_of(nn.ReLU())
    x = images.requires_grad_()
    seen = []
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    for numbers in precisions:
        (features,) = in_precision(model, numbers).glance(0.5)(x, lambda shown: shown)
        assert features.dtype == torch.float32
        seen.append((features.detach(), *torch.autograd.grad(features.square().sum(), x)))
    (full, up), (short, steep) = seen
    assert not torch.equal(full, short)
    assert torch.allclose(full, short, atol=0.03)
    assert (up.sign() == steep.sign()).double().mean() > 0.9
    assert next(model.network.parameters()).dtype == torch.float32


def test_short_numbers_read_nearly_the_same_and_the_model_stays_as_it_is(images: Tensor) -> None:
    model = model_of()
    short = in_precision(model, "bfloat16")
    full, rough = model(images), short(images)
    assert rough.output.dtype == rough.features[0].dtype == torch.float32
    assert not torch.equal(full.output, rough.output)
    assert torch.allclose(full.output, rough.output, atol=0.02)
    assert torch.equal(short.output(images), rough.output)
    for network in (short.network, short.folded and short.folded.network):
        assert network is not None
        assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}


def test_a_network_that_refuses_short_numbers_keeps_its_own() -> None:
    model = model_of(OnlyLong())
    assert in_precision(model, "bfloat16") is model


@pytest.mark.parametrize(("seconds", "same"), [((1.0, 1.0), True), ((0.5, 1.0), False)])
def test_the_probe_takes_short_numbers_only_where_they_are_faster(
    seconds: tuple[float, float], same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Iterator[float] = cycle(seconds)  # the short one first
    monkeypatch.setattr(precision, "_seconds", lambda _: next(clock))
    model = model_of()
    assert (in_precision(model, "auto") is model) is same


def test_the_probe_measures_a_reading_and_its_gradient() -> None:
    assert 0 < precision._seconds(model_of()) < 10
