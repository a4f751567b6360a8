"""Small pictures of where models look: heat over the picture, and the last feature map."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from anamorph.auditing.audit import PictureFigures

SIDE = 112
"""The longer side of a small picture, at most."""

HEAT = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Colors from 0 to 1, evenly spaced; between them they are mixed. Darker is less, to everybody."""

COLORS = 64
"""Of a small picture in the report, at most: what keeps a page of many of them small."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What one model sees of an original and its protected picture, in this order."""

    model: str
    pictures: Floats
    """(2, c, h, w) in [0, 1]: what of them reaches the network."""
    grad_cam: Floats | None
    """(2, h, w) in [0, 1]; None of models that give embeddings."""
    activation: Floats
    """(2, h, w): the last feature map, averaged over its channels."""
    cosine: float
    """Between the two last feature maps with all their channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRow:
    """The small pictures of one model, as data: addresses, the original's first."""

    model: str
    size: tuple[int, int]
    """Width and height of each."""
    grad_cam: tuple[str, str] | None
    activation: tuple[str, str]
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where all the models look at one picture."""

    figures: PictureFigures
    rows: tuple[LookRow, ...]


def look(figures: PictureFigures, seen: Sequence[Seen]) -> Look:
    """The small pictures of one picture."""
    return Look(figures=figures, rows=tuple(_row(one) for one in seen))


def _row(seen: Seen) -> LookRow:
    height, width = seen.pictures.shape[2:]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    before, after = (
        None
        if seen.grad_cam is None
        else _address(overlay(_grey(picture, size), _enlarged(heat, size)))
        for picture, heat in zip(seen.pictures, _maps(seen), strict=True)
    )
    low, high = float(seen.activation.min()), float(seen.activation.max())
    spread = high - low or 1.0  # one scale for both, so that they can be compared
    maps = [_enlarged((one - low) / spread, size) for one in seen.activation]
    return LookRow(
        model=seen.model,
        size=size,
        grad_cam=None if before is None or after is None else (before, after),
        activation=(_address(colored(maps[0])), _address(colored(maps[1]))),
        cosine=seen.cosine,
    )


def _maps(seen: Seen) -> Floats:
    return seen.activation if seen.grad_cam is None else seen.grad_cam


def colored(values: Floats) -> NDArray[np.uint8]:
    """Values in [0, 1], (h, w), as colors (h, w, 3).

    Example:
        >>> colored(np.array([[0.0, 1.0]])).tolist()
        [[[0, 0, 4], [252, 255, 164]]]
    """
    at = np.linspace(0, 1, len(HEAT))
    channels = [np.interp(values, at, [color[i] for color in HEAT]) for i in range(3)]
    return np.stack(channels, axis=2).round().astype(np.uint8)


def overlay(grey: Floats, heat: Floats) -> NDArray[np.uint8]:
    """A grey picture (h, w) in [0, 1] under the colors of a map of the same size."""
    below = np.repeat(255 * grey[:, :, None], 3, axis=2)
    mixed = 0.45 * below + 0.55 * colored(heat)
    return mixed.round().clip(0, 255).astype(np.uint8)


def _grey(picture: Floats, size: tuple[int, int]) -> Floats:
    return _resized(picture.mean(0), size, Resampling.LANCZOS)


def _enlarged(values: Floats, size: tuple[int, int]) -> Floats:
    return _resized(values, size, Resampling.BILINEAR)


def _resized(values: Floats, size: tuple[int, int], kernel: Resampling) -> Floats:
    image = Image.fromarray(values.astype(np.float32)).resize(size, kernel)
    return np.asarray(image, np.float64).clip(0, 1)


def _address(pixels: NDArray[Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).quantize(COLORS).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
