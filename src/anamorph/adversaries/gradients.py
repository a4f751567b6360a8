"""What some transforms do to a picture, written with gradients.

The pixels of a transform come from a real codec or filter, which has no gradients. Those that move
or spread pixels are written down here a second time, on tensors, so that a gradient finds its way
back to the pixels it belongs to. All others leave pixels where they are.
"""

import math
from collections.abc import Mapping
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from anamorph.methods.forms import Shared, as_it_is, straight_through


def with_gradient(name: str, t: Shared) -> Shared:
    """t with the gradient of what the transform of this name does to the place of pixels.

    Example:
        >>> import torch
        >>> x = torch.tensor([[[[0.0, 1.0]]]], requires_grad=True)
        >>> with_gradient("flip", lambda y: y.flip(-1))(x)[..., 0].sum().backward()
        >>> x.grad.tolist()
        [[[[0.0, 1.0]]]]
    """
    return straight_through(t, _ALIKE.get(name, as_it_is))


def _mirrored(x: Tensor) -> Tensor:
    return x.flip(-1)


def _seen_through(x: Tensor, *, keep: float = 1.0, degrees: float = 0.0) -> Tensor:
    """The middle of pictures, turned about it and enlarged so that no empty corners show."""
    height, width = x.shape[-2:]
    turn = math.radians(degrees)
    longer = max(width, height) / min(width, height)
    inside = keep / (math.cos(turn) + longer * math.sin(turn))
    across, down = inside * math.cos(turn), inside * math.sin(turn)
    theta = x.new_tensor(  # in shares of half the sides
        [[across, down * height / width, 0], [-down * width / height, across, 0]]
    )
    grid = F.affine_grid(theta.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False)


def _down_and_up(x: Tensor, *, by: float, mode: str) -> Tensor:
    height, width = x.shape[-2:]
    small = [max(1, round(height * by)), max(1, round(width * by))]
    down = F.interpolate(x, small, mode=mode, antialias=mode != "nearest-exact")
    up: Tensor = F.interpolate(down, [height, width], mode=mode)
    return up


def _blurred(x: Tensor) -> Tensor:
    """Three by three pixels averaged: close to a standard deviation of one pixel."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


_HALF = partial(_down_and_up, by=0.5, mode="bilinear")
_HALF_SHARP = partial(_down_and_up, by=0.5, mode="bicubic")

_ALIKE: Mapping[str, Shared] = {
    "resize": _HALF,
    "resize-bicubic": _HALF_SHARP,
    "resize-lanczos": _HALF_SHARP,
    "resize-nearest": partial(_down_and_up, by=0.5, mode="nearest-exact"),
    "crop": partial(_seen_through, keep=0.9),
    "flip": _mirrored,
    "rotate": partial(_seen_through, degrees=5),
    "blur": _blurred,
    "screenshot": partial(_down_and_up, by=0.9, mode="bicubic"),
    "resize+jpeg75": _HALF,
    "blur+jpeg75": _blurred,
}
"""Transforms that move or spread pixels."""
