"""Convolutions by Winograd's rule: the sums that torch computes, there and back."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.models import convolutions, winograd
from anamorph.models.winograd import convolve, suits


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gradient(y: Tensor, x: Tensor) -> Tensor:
    (dx,) = torch.autograd.grad((y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum(), x)
    return dx


WIDE = 64


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in one thread of a machine where it is quicker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "size", [(1, 1), (4, 4), (3, 9), (8, 12), (13, 10), (6, 7), (2, 61), (61, 2)]
)
@pytest.mark.parametrize("pictures", [1, 3])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 256])
def test_it_computes_what_torch_computes(
    size: tuple[int, int], pictures: int, biased: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "_ROWS", rows)
    x, weight = drawn(pictures, 5, *size).requires_grad_(), drawn(7, 5, 3, 3, seed=1)
    bias = drawn(7, seed=2) if biased else None
    expected, y = F.conv2d(x, weight, bias, padding=1), convolve(x, weight, bias)
    assert y.shape == expected.shape
    assert torch.allclose(y, expected, rtol=0, atol=1e-11)
    assert torch.allclose(gradient(y, x), gradient(expected, x), rtol=0, atol=1e-10)


def test_rounding_stays_small_in_single_precision() -> None:
    x, weight = drawn(2, 64, 14, 15), drawn(64, 64, 3, 3, seed=1) / 24
    exact = F.conv2d(x, weight, padding=1)
    y = convolve(x.float(), weight.float(), None)
    assert (y - exact).abs().max() < 2e-4 * exact.std()


def test_layouts_of_the_map_and_of_its_gradient_make_no_difference() -> None:
    x, weight = drawn(2, 3, 9, 8), drawn(4, 3, 3, 3, seed=1)
    last = x.to(memory_format=torch.channels_last)
    assert torch.equal(convolve(x, weight, None), convolve(last, weight, None))
    wide = last.requires_grad_()
    dx = gradient(convolve(wide, weight, None).permute(0, 1, 3, 2), wide)
    expected = gradient(F.conv2d(wide, weight, padding=1).permute(0, 1, 3, 2), wide)
    assert torch.allclose(dx, expected, rtol=0, atol=1e-11)


def test_kernels_are_transformed_once_and_again_when_they_change() -> None:
    x, weight = drawn(1, 3, 8, 8), drawn(4, 3, 3, 3, seed=1)
    convolve(x, weight, None)
    kept = winograd._known[weight][1]
    convolve(x, weight, None)
    assert winograd._known[weight][1] is kept
    weight.mul_(2)
    assert torch.allclose(convolve(x, weight, None), F.conv2d(x, weight, padding=1), atol=1e-11)


def test_what_is_kept_goes_with_the_network() -> None:
    gc.collect()
    before = len(winograd._known)
    weight = drawn(4, 3, 3, 3)
    convolve(drawn(1, 3, 8, 8), weight, None)
    assert len(winograd._known) == before + 1
    del weight
    gc.collect()
    assert len(winograd._known) == before


def a_map(n: int = 2, c: int = WIDE, h: int = 8, w: int = 8, **how: Any) -> Tensor:
    return torch.zeros(n, c, h, w, **how).to(memory_format=torch.channels_last)


def a_kernel(k: int = WIDE, c: int = WIDE, side: int = 3, **how: Any) -> Tensor:
    return torch.zeros(k, c, side, side, **how)


@pytest.mark.usefixtures("anywhere")
def test_it_suits_wide_layers_and_maps_of_enough_patches() -> None:
    assert suits(a_map(), a_kernel(), (1, 1))
    assert not suits(a_map(1), a_kernel(), (1, 1))
    assert not suits(a_map(8, h=5, w=5), a_kernel(), (1, 1))
    assert not suits(a_map(), a_kernel(k=WIDE - 1), (1, 1))
    assert not suits(a_map(c=WIDE - 1), a_kernel(c=WIDE - 1), (1, 1))
    assert not suits(a_map(), a_kernel(side=5), (1, 1))
    assert not suits(a_map(), a_kernel(), (0, 1))
    assert not suits(a_map().contiguous(), a_kernel(), (1, 1))
    assert not suits(a_map(dtype=torch.float64), a_kernel(), (1, 1))
    assert not suits(a_map(), a_kernel(dtype=torch.bfloat16), (1, 1))


@pytest.mark.usefixtures("anywhere")
def test_it_suits_wider_layers_only_in_more_threads() -> None:
    torch.set_num_threads(2)
    assert not suits(a_map(), a_kernel(), (1, 1))
    assert suits(a_map(c=2 * WIDE), a_kernel(2 * WIDE, 2 * WIDE), (1, 1))


@pytest.mark.usefixtures("anywhere")
def test_it_suits_no_machine_whose_products_were_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert not suits(a_map(), a_kernel(), (1, 1))


@pytest.mark.usefixtures("anywhere")
def test_weights_made_in_inference_mode_stay_with_torch() -> None:
    with torch.inference_mode():
        weight = a_kernel()
    assert not suits(a_map(), weight, (1, 1))


@pytest.mark.usefixtures("anywhere")
def test_networks_take_it_both_ways_and_may_change_its_output_in_place() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, WIDE, 1),
        nn.Conv2d(WIDE, WIDE, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(WIDE, WIDE, 3, stride=2, padding=1),
        nn.Conv2d(WIDE, WIDE, 3, padding=2, dilation=2),
        nn.Conv2d(WIDE, WIDE, 3, padding=1, groups=2),
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.requires_grad_(False).eval()
    before = len(winograd._known)
    x = drawn(3, 3, 9, 11, dtype=torch.float32).to(memory_format=torch.channels_last)
    x.requires_grad_()
    y, plain = convolutions.run(network, x), network(x)
    assert len(winograd._known) == before + 1
    assert torch.allclose(y, plain, atol=1e-4)
    assert torch.allclose(gradient(y, x), gradient(plain, x), atol=1e-3)
