"""Convolutions pass the same gradients back, whichever way they take."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.models import convolutions
from anamorph.models.convolutions import run


def conv(*arguments: Any, **named: Any) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(*arguments, **named).requires_grad_(False)


@pytest.fixture
def in_threads() -> Iterator[Callable[[int], None]]:
    """Compute in so many threads, until the end of the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def gradient(compute: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    y = compute(x)
    weights = torch.linspace(-1, 1, y.numel()).view(y.shape)
    (dx,) = torch.autograd.grad((y.double() * weights).sum(), x)
    return dx


def both_ways(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    return gradient(lambda x: run(layer, x), x), gradient(layer, x)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        (7, 2, 3),
        (7, 2, 0),
        ((4, 6), 3, (1, 2)),
        (4, 4, 0),
        (16, 16, 0),
        (11, 4, 2),
    ],
)
@pytest.mark.parametrize("size", [(33, 40), (37, 35)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_first_layer_passes_back_by_phases_what_torch_passes_back(
    kernel: Any, stride: int, padding: Any, size: tuple[int, int], channels: int
) -> None:
    layer = conv(channels, 6, kernel, stride=stride, padding=padding).double()
    x = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(1)).double()
    quick, plain = both_ways(layer, x)
    assert torch.allclose(quick, plain, atol=1e-12)
    assert quick.shape == x.shape


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (5, 0)])
@pytest.mark.parametrize("outputs", [4, 8])
def test_depthwise_layers_pass_back_in_full_what_torch_rounds(
    kernel: int, padding: int, outputs: int
) -> None:
    layer = conv(4, outputs, kernel, stride=2, padding=padding, groups=4)
    x = torch.rand(3, 4, 15, 18, generator=torch.Generator().manual_seed(1))
    quick, _ = both_ways(layer.bfloat16(), x.bfloat16())
    assert quick.dtype == torch.bfloat16
    assert torch.allclose(quick.float(), gradient(layer.float(), x), atol=0.02)


@pytest.mark.parametrize("padding", [0, 2, "same"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("pictures", [1, 2, 15, 16])
@pytest.mark.parametrize("threads", [1, 2])
def test_points_give_the_same_whoever_computes_them(
    padding: Any, groups: int, pictures: int, threads: int, in_threads: Callable[[int], None]
) -> None:
    in_threads(threads)
    layer = conv(4, 6, 1, padding=padding, groups=groups)
    x = torch.rand(pictures, 4, 9, 7, generator=torch.Generator().manual_seed(1))
    quick, plain = both_ways(layer, x)
    assert torch.allclose(quick, plain, atol=1e-6)
    with torch.no_grad():
        seen = run(layer, x.requires_grad_())
        assert seen.shape == layer(x).shape
        assert torch.allclose(seen, layer(x), atol=1e-6)


def test_a_few_points_in_one_thread_are_said_to_be_dilated(
    monkeypatch: pytest.MonkeyPatch, in_threads: Callable[[int], None]
) -> None:
    asked: list[Any] = []
    compute = F.conv2d

    def noted(*arguments: Any) -> Tensor:
        asked.append(arguments[5])
        return compute(*arguments)

    point, strided = conv(8, 4, 1), conv(4, 4, 1, stride=2)
    monkeypatch.setattr(F, "conv2d", noted)
    for threads, pictures in ((1, 2), (1, 1), (1, 16), (2, 2)):
        in_threads(threads)
        convolutions._convolved(torch.rand(pictures, 8, 9, 9), point.weight)
    convolutions._convolved(torch.rand(2, 4, 9, 9), strided.weight, None, 2)
    assert asked == [2, 1, 1, 1, 1]


class Padded(nn.Conv2d):
    """Pads by itself, as networks ported from TensorFlow do."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 1, 1, 2)), self.weight, self.bias, self.stride, (0, 0))


def test_layers_that_pad_by_themselves_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = Padded(3, 8, 7, stride=2).requires_grad_(False)
    seen: list[Tensor] = []
    back = convolutions.back_by_phases

    def noted(dy: Tensor, *rest: Any) -> Tensor:
        seen.append(dy)
        return back(dy, *rest)

    monkeypatch.setattr(convolutions, "back_by_phases", noted)
    quick, plain = both_ways(layer, torch.rand(1, 3, 30, 31))
    assert torch.allclose(quick, plain, atol=1e-5)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "layer",
    [
        conv(3, 8, 7, stride=(2, 3)),
        conv(3, 8, 7, stride=2, dilation=2),
        conv(3, 8, 7, stride=2, padding=3, padding_mode="reflect"),
        conv(3, 8, 7, padding="same"),
        conv(3, 9, 7, stride=2, groups=3),
        conv(16, 8, 7, stride=2),
    ],
)
def test_all_others_are_as_they_were(layer: nn.Conv2d) -> None:
    quick, plain = both_ways(layer, torch.rand(2, layer.in_channels, 40, 41))
    assert torch.allclose(quick, plain, atol=1e-5)


def test_weights_that_are_trained_get_their_gradients() -> None:
    layer = nn.Conv2d(3, 8, 7, stride=2)
    run(layer, torch.rand(2, 3, 30, 30, requires_grad=True)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.any()


def test_a_picture_passes_back_the_same_beside_others() -> None:
    layer = conv(4, 4, 3, stride=2, groups=4).bfloat16()
    x = torch.rand(3, 4, 15, 18).bfloat16()

    def squared(x: Tensor) -> Tensor:
        squares: Tensor = run(layer, x).float().square()
        return squares

    leaf = x.clone().requires_grad_()
    (all_of,) = torch.autograd.grad(squared(leaf).sum(), leaf)
    for i in range(len(x)):
        one = x[i : i + 1].clone().requires_grad_()
        (alone,) = torch.autograd.grad(squared(one).sum(), one)
        assert torch.equal(all_of[i : i + 1], alone)
