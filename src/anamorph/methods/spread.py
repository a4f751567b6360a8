"""How clean features vary, per channel, and changes told in those terms."""

from typing import NamedTuple

import torch
from torch import Tensor


class Spread(NamedTuple):
    """How clean features vary, per channel: tensors that broadcast against one feature."""

    deviation: Tensor  # s; zero for dead channels
    low: Tensor
    high: Tensor


def moved(z: Tensor, u: Tensor, spread: Spread) -> Tensor:
    """z + s u, within the clean range as far as z itself is.

    Example:
        >>> one = torch.ones(1)
        >>> spread = Spread(deviation=2 * one, low=0 * one, high=4 * one)
        >>> moved(torch.tensor([[1.0], [3.0]]), torch.tensor([[-0.25], [1.0]]), spread).tolist()
        [[0.5], [4.0]]
    """
    record: Tensor = (z + spread.deviation * u).clamp(*clean_range(z, spread))
    return record


def reach(z: Tensor, epsilon: float, spread: Spread) -> tuple[Tensor, Tensor]:
    """Where z may be moved to: by at most epsilon s, and within the clean range as above.

    Example:
        >>> one = torch.ones(1)
        >>> spread = Spread(deviation=2 * one, low=0 * one, high=4 * one)
        >>> [bound.tolist() for bound in reach(torch.tensor([[1.0]]), 0.75, spread)]
        [[[0.0]], [[2.5]]]
    """
    low, high = clean_range(z, spread)
    far = epsilon * spread.deviation
    return torch.maximum(low, z - far), torch.minimum(high, z + far)


def clean_range(z: Tensor, spread: Spread) -> tuple[Tensor, Tensor]:
    """The least and the greatest value of clean features, or z itself where it is beyond."""
    return torch.minimum(spread.low, z), torch.maximum(spread.high, z)
