"""Where a model computes: on the CPU, or on a GPU that CUDA sees.

Networks answer where they are asked: what they are given moves to their device, and what they say
of it moves back, so that pictures from files may stay on the CPU. Methods, which ask the same
network many times, put their pictures on its device first: then nothing moves.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from anamorph.errors import UsageError

CPU = torch.device("cpu")

_KNOWN = "cpu, cuda, cuda:N or auto"


def device_of(name: str | torch.device) -> torch.device:
    """The device of a name: `cpu`, `cuda`, `cuda:N`, or `auto`: the first GPU if there is one.

    Apple's MPS is not among them: step rules compute in float64, which it lacks. A `torch.device`
    stays what it is, at the caller's own risk.

    Raises:
        UsageError: no such device, or none that this PyTorch sees.

    Example:
        >>> device_of("cpu")
        device(type='cpu')
    """
    if isinstance(name, torch.device):
        return name
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda", 0) if there else CPU
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"{name!r} is no device for models; give {_KNOWN}")
    if device.type == "cpu":
        return CPU
    if not there:
        raise UsageError(
            f"{name} was asked for, but this PyTorch ({torch.__version__}) sees no GPU; install a "
            "build of PyTorch for the GPU and its driver, or use cpu"
        )
    index = device.index or 0
    if index >= there:
        raise UsageError(
            f"{name} was asked for, but the last GPU that this PyTorch sees is cuda:{there - 1}; "
            "give one that is there"
        )
    return torch.device("cuda", index)


def device_in(network: nn.Module) -> torch.device:
    """Where a network's weights are; the CPU for one that has none."""
    held: Iterable[Tensor] = chain(network.parameters(), network.buffers())
    first = next(iter(held), None)
    return CPU if first is None else first.device


@dataclass(frozen=True, slots=True)
class Placed:
    """A network on a device, answering where it is asked. Make one with `placed`."""

    network: nn.Module
    device: torch.device

    def __call__(self, given: Tensor, /) -> Tensor:
        """What the network makes of a batch; differentiable as far as the network is."""
        there = given.to(self.device)
        if there.dim() == 4:  # maps: what convolutions are fastest on
            there = there.contiguous(memory_format=torch.channels_last)
        answer: Tensor = self.network(there)
        return answer.to(given.device)


def placed(network: nn.Module, device: torch.device) -> Placed:
    """A network, or a copy of it if it has to move."""
    if device_in(network) != device:
        network = deepcopy(network).to(device)
    return Placed(network, device)
