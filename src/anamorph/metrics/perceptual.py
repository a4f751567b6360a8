"""How far apart two pictures look, by the features of a network."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.types import PerSample

_LEAST = 1e-10  # added to the length of a feature, which may be zero


def lpips(a: Sequence[Tensor], b: Sequence[Tensor], weights: Sequence[Tensor]) -> PerSample:
    """Learned perceptual image patch similarity (Zhang et al. 2018, equation 1); 0 is equal.

        d(x, x0) = sum_l  1/(H_l W_l) sum_hw  || w_l * (y_l,hw - y0_l,hw) ||^2

    with y the features of layer l, each place's channels scaled to length 1. The published weights
    multiply the squares, as they do here.

    Args:
        a: the features (n, c_l, h_l, w_l) of each layer.
        b: those of the other pictures.
        weights: c_l numbers for each layer, at least 0.

    Raises:
        ValueError: the layers, or their channels, do not fit.

    Example:
        >>> one, other = torch.tensor([[[[3.0]], [[4.0]]]]), torch.tensor([[[[1.0]], [[0.0]]]])
        >>> round(lpips([one], [other], [torch.tensor([1.0, 2.0])]).item(), 4)  # .4^2 + 2 * .8^2
        1.44
    """
    layers = list(zip(a, b, weights, strict=True))
    for y, _, w in layers:
        _check(y, w)
    distances = [
        torch.einsum("nchw,c->nhw", (_unit(y) - _unit(y_0)).square(), w).mean((1, 2))
        for y, y_0, w in layers
    ]
    return torch.stack(distances).sum(0)


def _unit(y: Tensor) -> Tensor:
    return F.normalize(y, dim=1, eps=_LEAST)


def _check(y: Tensor, w: Tensor) -> None:
    if y.dim() != 4 or w.shape != y.shape[1:2]:
        raise ValueError(f"{tuple(w.shape)} weights for features {tuple(y.shape)}")
