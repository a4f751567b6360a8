"""Decoded pictures as batches: as tensors, and how many of a size fit."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.types import Images

BATCH_PIXELS = 4_000_000
"""Pixels in one batch: bounds its memory. A larger picture makes a batch by itself."""

LARGEST_BATCH = 16
"""Pictures in one batch at the most, however small they are."""


def as_images(*pictures: NDArray[Any]) -> Images:
    """Decoded pixels (h, w, c) of one size as a batch (n, c, h, w) in [0, 1]."""
    out = np.stack([pixels.transpose(2, 0, 1) for pixels in pictures], dtype=np.float32)
    return torch.from_numpy(out).div_(float(np.iinfo(pictures[0].dtype).max))


def room(height: int, width: int) -> int:
    """How many pictures of a size make a batch.

    Example:
        >>> room(10, 10), room(1000, 2000), room(4000, 3000)
        (16, 2, 1)
    """
    return max(1, min(LARGEST_BATCH, BATCH_PIXELS // (height * width)))
