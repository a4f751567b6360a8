"""Feasible sets as projections: each returns the nearest point of its set, per value."""

from torch import Tensor


def onto_linf_ball(z: Tensor, center: Tensor, radius: float) -> Tensor:
    """argmin over y of |y - z| subject to max |y - center| <= radius.

    Example:
        >>> import torch
        >>> onto_linf_ball(torch.tensor([0.0, 0.9]), torch.tensor([0.5, 0.5]), 0.25).tolist()
        [0.25, 0.75]
    """
    return (z - center).clamp_(-radius, radius).add_(center)


def onto_box(z: Tensor, low: float, high: float) -> Tensor:
    """argmin over y of |y - z| subject to low <= y <= high."""
    return z.clamp(low, high)
