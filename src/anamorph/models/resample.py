"""Separable resampling with Pillow's filters, differentiable and cheap in both directions.

A resize is two matrices, one per axis, and a crop is a choice of their rows. The matrices are
banded: an output pixel sees a few neighboring input pixels. They are kept as dense blocks along the
band, so that the forward pass and the backward pass (the transposed matrices) are a handful of
small matrix products each.
"""

from functools import lru_cache
from math import ceil, floor
from typing import Any, NamedTuple

import torch
from torch import Tensor

from anamorph.models.card import Interpolation

BLOCK_ROWS = 32


class Axis(NamedTuple):
    """What happens along one axis: resize `source` to `resized` pixels, keep `size` of them."""

    source: int
    resized: int
    first: int
    """The first of the resized pixels that is kept."""
    size: int

    @property
    def dropped(self) -> float:
        """How much of the axis the crop leaves out, in pixels of the source."""
        return self.source * (1 - self.size / self.resized)


class Block(NamedTuple):
    """A dense part of a banded matrix: rows first..last see columns left..right."""

    first: int
    last: int
    left: int
    right: int
    weights: Tensor
    transposed: Tensor


class Bands(NamedTuple):
    """A banded matrix and its transpose."""

    forward: tuple[Block, ...]
    backward: tuple[Block, ...]


def resample(images: Tensor, rows: Axis, columns: Axis, interpolation: Interpolation) -> Tensor:
    """Resize and crop pictures (n, c, h, w) to (n, c, rows.size, columns.size)."""
    wide = _along(images.contiguous(), -1, columns, interpolation)
    return _along(wide, -2, rows, interpolation)


def matrix(axis: Axis, interpolation: Interpolation) -> Tensor:
    """The weights (size, source) of one axis in float64; each row sums to 1.

    Example:
        >>> matrix(Axis(source=4, resized=2, first=0, size=2), "nearest").tolist()
        [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    scale = axis.source / axis.resized
    kept = torch.arange(axis.first, axis.first + axis.size, dtype=torch.float64)
    centers = (kept + 0.5) * scale
    if interpolation == "nearest":
        nearest = torch.tensor([floor(center) for center in centers.tolist()])
        return torch.nn.functional.one_hot(nearest, axis.source).to(torch.float64)
    pixels = torch.arange(axis.source, dtype=torch.float64) + 0.5
    distance = (pixels - centers[:, None]).abs() / max(scale, 1.0)  # wider filter to shrink
    weights = _triangle(distance) if interpolation == "bilinear" else _keys(distance)
    return weights / weights.sum(1, keepdim=True)


def _triangle(distance: Tensor) -> Tensor:
    return (1 - distance).clamp(min=0)


def _keys(distance: Tensor, a: float = -0.5) -> Tensor:
    """Keys' cubic with Pillow's a = -1/2."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = (((distance - 5) * distance + 8) * distance - 4) * a
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros(())))


@lru_cache(maxsize=64)
def _bands(
    axis: Axis, interpolation: Interpolation, dtype: torch.dtype, device: torch.device
) -> Bands:
    weights = matrix(axis, interpolation)
    return Bands(
        _blocks(weights, dtype, device),
        _blocks(weights.T, dtype, device),
    )


def _blocks(weights: Tensor, dtype: torch.dtype, device: torch.device) -> tuple[Block, ...]:
    height, width = weights.shape
    step = max(BLOCK_ROWS, ceil(BLOCK_ROWS * height / width))
    blocks = []
    for first in range(0, height, step):
        part = weights[first : first + step]
        seen = (part != 0).any(0).nonzero().flatten().tolist() or [-1]
        left, right = (seen[0], seen[-1] + 1) if seen[0] >= 0 else (0, 0)
        dense = part[:, left:right].to(device=device, dtype=dtype).contiguous()
        blocks.append(Block(first, first + len(part), left, right, dense, dense.T.contiguous()))
    return tuple(blocks)


def _along(images: Tensor, dim: int, axis: Axis, interpolation: Interpolation) -> Tensor:
    if axis.source == axis.resized:
        return images.narrow(dim, axis.first, axis.size)
    bands = _bands(axis, interpolation, images.dtype, images.device)
    out: Tensor = _Banded.apply(images, bands, dim)  # type: ignore[no-untyped-call]
    return out


class _Banded(torch.autograd.Function):
    """A banded matrix applied along the last (-1) or last but one (-2) axis."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, bands: Bands, dim: int) -> Tensor:
        ctx.bands, ctx.dim = bands, dim
        size = list(images.shape)
        size[dim] = bands.forward[-1].last
        out = images.new_empty(size)
        for block in bands.forward:
            seen = images.narrow(dim, block.left, block.right - block.left)
            part = seen @ block.transposed if dim == -1 else block.weights @ seen
            out.narrow(dim, block.first, block.last - block.first).copy_(part)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        transposed = Bands(ctx.bands.backward, ctx.bands.forward)
        return _Banded.apply(gradients[0], transposed, ctx.dim), None, None  # type: ignore[no-untyped-call]
