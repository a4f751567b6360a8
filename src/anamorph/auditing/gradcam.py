"""Where a model looks: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391), per sample.

    alpha_k = 1/Z sum_ij  d y_c / d A_k,ij        A: the last feature map, y_c: the logit of class c
    L       = ReLU( sum_k alpha_k A_k )           scaled so that its largest value is 1

Where this differs from the paper: maps are compared with each other at their own size, so they are
enlarged only to be shown.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from anamorph.types import Images, PerSample

Maps: TypeAlias = Float[Tensor, "n h w"]
"""One map per sample."""

Looks: TypeAlias = Callable[[Images], tuple[Tensor, Tensor]]
"""The role of a model that is looked at: its last feature map (n, c, h, w), at which gradients
arrive, and its output (n, k)."""


def grad_cam(activation: Tensor, output: Tensor, classes: Int[Tensor, " n"]) -> Maps:
    """The places that speak for a class, each map in [0, 1]; all zero where none does.

    Args:
        activation: (n, c, h, w), A.
        output: (n, k) logits, differentiable with respect to the activation.
        classes: c, one per sample.

    Example:
        >>> a = torch.tensor([[[[0.0, 1.0], [2.0, 4.0]]]], requires_grad=True)
        >>> grad_cam(a, torch.stack([a.sum((1, 2, 3)), -a.sum((1, 2, 3))], 1), torch.tensor([0]))
        tensor([[[0.0000, 0.2500],
                 [0.5000, 1.0000]]])
    """
    y_c = output.gather(1, classes[:, None])
    # Samples don't reach each other in a network that only reads, so one sum serves all.
    (slope,) = torch.autograd.grad(y_c.sum(), activation, allow_unused=True)
    if slope is None:
        return activation.new_zeros(activation[:, 0].shape)
    alpha = slope.mean((2, 3), keepdim=True)
    maps = (alpha * activation.detach()).sum(1).relu()
    largest = maps.amax((1, 2), keepdim=True)
    scaled: Tensor = maps / largest.where(largest > 0, torch.ones_like(largest))
    return scaled


def activation_maps(activation: Tensor) -> Maps:
    """The mean over the channels of a feature map (n, c, h, w)."""
    return activation.detach().mean(1)


def correlation(a: Maps, b: Maps) -> PerSample:
    """Pearson's correlation of two maps over their places; not a number where one is constant.

    Example:
        >>> a = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
        >>> correlation(a, 5 - 2 * a)
        tensor([-1.])
    """
    x, y = (m.flatten(1).double() for m in (a, b))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    both = x.norm(dim=1) * y.norm(dim=1)
    alike: Tensor = (x * y).sum(1) / both.where(both > 0, torch.nan)
    return alike.to(a.dtype)
