"""Adam whose rate falls along half a cosine, and its state as tensors with names.

rate_i = rate (1 + cos(pi i / updates)) / 2        for update i, counted from 0
"""

import math
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Adam

_PREFIX = "optimizer."
"""What the names begin with."""


def update(optimizer: Adam, loss: Tensor, rate: float, number: int, updates: int) -> None:
    """Take one step against the gradient of a loss.

    Args:
        optimizer: of the weights.
        loss: a number that depends on them.
        rate: of the first step.
        number: of this step, counted from 0.
        updates: how many there will be.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * (1 + math.cos(math.pi * number / updates)) / 2
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def state_of(optimizer: Adam) -> dict[str, Tensor]:
    """The moments of every weight and the number of its steps.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> optimizer = Adam([weight])
        >>> update(optimizer, weight.sum(), 0.1, 0, 5)
        >>> sorted(state_of(optimizer))
        ['optimizer.0.exp_avg', 'optimizer.0.exp_avg_sq', 'optimizer.0.step']
    """
    return {
        f"{_PREFIX}{number}.{name}": t.cpu().contiguous()
        for number, moments in optimizer.state_dict()["state"].items()
        for name, t in moments.items()
    }


def restore(optimizer: Adam, state: Mapping[str, Tensor]) -> None:
    """Set a state that was taken; other names are left alone.

    Raises:
        ValueError: a name that `state_of` does not give.
    """
    moments: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in below(state, _PREFIX).items():
        number, _, name = key.partition(".")
        moments[int(number)][name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": dict(moments)})


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What has a name that begins so, by the rest of its name."""
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}
