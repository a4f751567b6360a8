"""Feasible sets as projections, each onto the nearest point of its set, and a pull to a center."""

from typing import TypeVar

from torch import Tensor

from anamorph.optimize.rows import shaped

Bound = TypeVar("Bound", float, Tensor)


def onto_linf_ball(z: Tensor, center: Tensor, radius: float) -> Tensor:
    """argmin over y of |y - z| subject to max |y - center| <= radius.

    Example:
        >>> import torch
        >>> onto_linf_ball(torch.tensor([0.0, 0.9]), torch.tensor([0.5, 0.5]), 0.25).tolist()
        [0.25, 0.75]
    """
    return (z - center).clamp_(-radius, radius).add_(center)


def onto_rms_ball(z: Tensor, center: Tensor, radius: float) -> Tensor:
    """argmin over y of |y - z| subject to rms(y - center) <= radius, for each sample.

    The l2 ball of radius * sqrt(values): a picture's budget does not depend on its size.

    Example:
        >>> import torch
        >>> onto_rms_ball(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), 0.5**0.5).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    change = z - center
    size = change.square().flatten(1).mean(1).sqrt()
    factor = shaped(radius / size.clamp_min(radius), z)
    return change.mul_(factor).add_(center)


def toward(z: Tensor, center: Tensor, by: Tensor) -> Tensor:
    """argmin over y of |y - z|^2 / 2 + by * sum |y - center|, per value.

    Every value moves toward its center by the same length and no further: what was moved by little
    goes back, what was moved by much stays.

    Args:
        z: (n, ...).
        center: of the same shape.
        by: (n,) of each sample.

    Example:
        >>> import torch
        >>> z = torch.tensor([[0.5, 3.0, -2.0], [0.5, 3.0, -2.0]])
        >>> toward(z, torch.zeros(2, 3), torch.tensor([1.0, 0.0])).tolist()
        [[0.0, 2.0, -1.0], [0.5, 3.0, -2.0]]
    """
    moved = z - center
    length = moved.abs().sub_(shaped(by, z)).clamp_min_(0)
    return length.mul_(moved.sign_()).add_(center)


def onto_box(z: Tensor, low: Bound, high: Bound) -> Tensor:
    """argmin over y of |y - z| subject to low <= y <= high, for each value."""
    return z.clamp(low, high)
