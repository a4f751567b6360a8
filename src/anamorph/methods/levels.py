"""Levels: a curve for each picture that spreads its values evenly, and its way back.

    m(v) = w p(v) + (1 - w)                             p: how often the values near v occur
    c(v) = integral of m from 0 to v                    rises from 0 to 1
    u    = c(v),    v = c^-1(u)

Moved values keep their histogram, and a histogram tells a dark photo from a bright one. With w near
1 that of u is nearly flat, whatever the photo (histogram equalization). Where values are frequent
the curve is steep, so that noise which is added to u comes back smaller; 1 - w bounds how much it
grows where they are rare: by about 1 / (1 - w), since rises are rounded to bytes.

A curve is kept as `CELLS` bytes: one less than its rise over each of as many equal parts of [0, 1],
in units that all add up to 1. Any bytes are a curve, so that what was encrypted with another key
does not show.
"""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

CELLS = 64
"""Straight pieces of a curve."""

_MOST = 255


def flattening(values: Float[Tensor, "..."], flatness: float) -> bytes:
    """The curve that spreads the values.

    Args:
        values: of one picture, in [0, 1].
        flatness: w, from 0 (as they are) to 1 (evenly, as far as bytes can tell).

    Example:
        >>> dark = torch.tensor([0.0, 0.01, 0.02, 0.9])
        >>> curve = flattening(dark, 0.9)
        >>> [round(u, 2) for u in bend(dark, curve).tolist()]
        [0.0, 0.29, 0.51, 0.9]
    """
    counts = torch.histc(values.detach().double(), CELLS, 0, 1)
    rises = flatness * counts / counts.sum() + (1 - flatness) / CELLS
    whole = (rises / rises.max() * (_MOST + 1)).round().sub(1).clamp(0, _MOST)
    return whole.to(torch.uint8).numpy().tobytes()


def bend(values: Float[Tensor, "..."], curve: bytes) -> Float[Tensor, "..."]:
    """u = c(v), for values in [0, 1]."""
    return _along(values, np.linspace(0, 1, CELLS + 1), _heights(curve))


def unbend(values: Float[Tensor, "..."], curve: bytes) -> Float[Tensor, "..."]:
    """v = c^-1(u), for values in [0, 1].

    Example:
        >>> curve = flattening(torch.tensor([0.1, 0.12, 0.7]), 0.9)
        >>> unbend(bend(torch.tensor([0.1, 0.5]), curve), curve)
        tensor([0.1000, 0.5000])
    """
    return _along(values, _heights(curve), np.linspace(0, 1, CELLS + 1))


def _heights(curve: bytes) -> NDArray[np.float64]:
    rises = np.frombuffer(curve, np.uint8).astype(np.float64) + 1
    return np.concatenate([[0.0], np.cumsum(rises) / rises.sum()])


def _along(values: Tensor, x: NDArray[np.float64], y: NDArray[np.float64]) -> Tensor:
    bent = np.interp(values.detach().numpy(), x, y)
    return torch.from_numpy(bent).to(values.dtype)
