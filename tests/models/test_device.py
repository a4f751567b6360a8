"""Names of devices, and what is said of those that are not there."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from anamorph.errors import UsageError
from anamorph.models import load, wrap
from anamorph.models.device import CPU, device_in, device_of, placed


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets PyTorch see so many GPUs."""

    def see(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return see


def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(gpus: Callable[[int], None]) -> None:
    gpus(0)
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UsageError, match=f"{name} was asked for.*sees no GPU.*or use cpu"):
            device_of(name)
    assert device_of("auto") == CPU


def test_a_gpu_has_its_number(gpus: Callable[[int], None]) -> None:
    gpus(2)
    assert device_of("cuda") == device_of("auto") == torch.device("cuda", 0)
    assert device_of("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(UsageError, match=r"cuda:2 was asked for, .* is cuda:1"):
        device_of("cuda:2")
    gpus(1)
    with pytest.raises(UsageError, match=r"cuda:1 was asked for, .* is cuda:0"):
        device_of("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:-1", "mps", "meta", "cpu:x"])
def test_other_names_are_no_devices(name: str) -> None:
    with pytest.raises(UsageError, match="is no device for models; give cpu, cuda, cuda:N or auto"):
        device_of(name)


def test_a_device_that_is_one_stays_it() -> None:
    assert device_of(torch.device("meta")) == torch.device("meta")


def test_a_model_is_refused_before_it_is_built(gpus: Callable[[int], None]) -> None:
    gpus(0)
    with pytest.raises(UsageError, match="sees no GPU"):
        load("portraits:identity-vgg", device="cuda")
    with pytest.raises(UsageError, match="sees no GPU"):
        wrap(nn.Identity(), name="it", size=(8, 8), mean=(0.5,), std=(0.5,), device="cuda")


def test_a_network_without_weights_is_on_the_cpu() -> None:
    assert device_in(nn.Identity()) == CPU
    with torch.device("meta"):
        norm = nn.BatchNorm2d(3, affine=False)
    assert device_in(norm) == torch.device("meta")


def test_a_network_that_is_placed_leaves_the_one_given_where_it_is() -> None:
    network = nn.Linear(2, 3)
    assert placed(network, CPU).network is network
    there = placed(network, torch.device("meta"))
    assert device_in(there.network) == torch.device("meta")
    assert device_in(network) == CPU
    assert torch.equal(placed(network, CPU)(torch.ones(1, 2)), network(torch.ones(1, 2)))
