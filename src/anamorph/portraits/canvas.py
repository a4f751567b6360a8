"""A sheet to paint on: coordinates, soft-edged shapes, and color laid over color.

A shape is a field of signed distances (negative inside) over the sheet; its coverage is that
distance in pixels, clipped, which gives smooth edges without drawing anything twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import cos, hypot, sin
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.portraits.palette import RGB

Field: TypeAlias = NDArray[np.floating]
"""One number per pixel, (h, w), in float32."""

Colors: TypeAlias = NDArray[np.floating]
"""One color per pixel, (3, h, w), in float32."""

HALF_FRAME = 1.42
"""From the middle of a picture to its edge, in head lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Pixels and where they lie; a window onto it shares its pixels."""

    rgb: Colors
    """Colors, (3, h, w), sRGB in [0, 1], painted over in place."""
    x: Field
    y: Field
    pixel: float
    """Size of a pixel in the units of x and y."""
    to_pixels: tuple[tuple[float, float, float], tuple[float, float, float]]
    """Row and column from (1, x, y)."""

    def window(self, x: float, y: float, reach_x: float, reach_y: float) -> "Canvas":
        """The part of a whole canvas around a point; painting it paints the whole."""
        h, w = self.x.shape
        (r0, rx, ry), (c0, cx, cy) = self.to_pixels
        row, column = r0 + rx * x + ry * y, c0 + cx * x + cy * y
        tall = abs(rx) * reach_x + abs(ry) * reach_y + 2
        wide = abs(cx) * reach_x + abs(cy) * reach_y + 2
        rows = slice(max(int(row - tall), 0), max(min(int(row + tall) + 1, h), 0))
        columns = slice(max(int(column - wide), 0), max(min(int(column + wide) + 1, w), 0))
        return replace(
            self, rgb=self.rgb[:, rows, columns], x=self.x[rows, columns], y=self.y[rows, columns]
        )

    def turned(self, *, angle: float, zoom: float, shift: tuple[float, float]) -> "Canvas":
        """The same pixels in coordinates that are turned, enlarged and moved.

        Args:
            angle: radians, clockwise in the picture.
            zoom: above 1 makes what is drawn larger.
            shift: where the new origin lies in the old coordinates.
        """
        c, s = cos(angle) / zoom, sin(angle) / zoom
        x, y = self.x - shift[0], self.y - shift[1]
        (r0, rx, ry), (c0, cx, cy) = self.to_pixels
        turn = np.array([[c, s], [-s, c]])
        back = np.linalg.inv(turn)
        rows = np.array([rx, ry]) @ back
        columns = np.array([cx, cy]) @ back
        return replace(
            self,
            x=(c * x + s * y).astype(np.float32),
            y=(-s * x + c * y).astype(np.float32),
            pixel=self.pixel / zoom,
            to_pixels=(
                (r0 + rx * shift[0] + ry * shift[1], float(rows[0]), float(rows[1])),
                (c0 + cx * shift[0] + cy * shift[1], float(columns[0]), float(columns[1])),
            ),
        )

    def paint(self, coverage: Field, color: RGB | Colors) -> None:
        """Lay a color over the sheet where the coverage is, in [0, 1].

        Args:
            coverage: (h, w).
            color: one color, or one for each pixel, (3, h, w).
        """
        colors = plane(color) if isinstance(color, tuple) else color
        self.rgb[...] += coverage * (colors - self.rgb)

    def filter(self, strength: Field, color: RGB) -> None:
        """Multiply colors by a filter, as strongly as given per pixel: a shadow, a tint."""
        self.rgb[...] *= 1 + strength * (plane(color) - 1)


def blank(size: int) -> Canvas:
    """An empty sheet of size by size pixels, origin in the middle, y downwards."""
    pixel = 2 * HALF_FRAME / size
    at = ((np.arange(size) + 0.5) * pixel - HALF_FRAME).astype(np.float32)
    x, y = np.meshgrid(at, at)
    middle = size / 2 - 0.5
    return Canvas(
        rgb=np.zeros((3, size, size), np.float32),
        x=x,
        y=y,
        pixel=pixel,
        to_pixels=((middle, 0.0, 1 / pixel), (middle, 1 / pixel, 0.0)),
    )


def plane(color: RGB) -> Colors:
    """A color that broadcasts over pixels, (3, 1, 1)."""
    return np.asarray(color, np.float32).reshape(3, 1, 1)


def clamp(values: Field) -> Field:
    """Values held within [0, 1]."""
    return np.minimum(np.maximum(values, 0), 1)


def cover(distance: Field, pixel: float, soft: float = 0.0) -> Field:
    """How much of each pixel a shape covers; `soft` widens the edge, in the units of distance.

    >>> float(cover(np.zeros((1, 1), np.float32), pixel=0.1)[0, 0])
    0.5
    """
    t = clamp(0.5 - distance * (1 / (pixel + soft)))
    return t * t * (3 - 2 * t) if soft else t


def ellipse(x: Field, y: Field, rx: float, ry: float) -> Field:
    """Signed distance to an ellipse around the origin, exact for a circle."""
    return (np.sqrt((x * (1 / rx)) ** 2 + (y * (1 / ry)) ** 2) - 1) * min(rx, ry)


def box(x: Field, y: Field, rx: float, ry: float, corner: float) -> Field:
    """Signed distance to a rectangle with rounded corners around the origin."""
    dx = np.abs(x) - (rx - corner)
    dy = np.abs(y) - (ry - corner)
    outside: Field = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    inside: Field = np.minimum(np.maximum(dx, dy), 0)
    return outside + inside - corner


def polygon(x: Field, y: Field, corners: Sequence[tuple[float, float]]) -> Field:
    """Distance to a convex polygon, corners clockwise in the picture; exact along its edges."""
    sides = []
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = hypot(bx - ax, by - ay)
        sides.append(((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length)
    return reduce(np.maximum, sides)


def glow(x: Field, y: Field, rx: float, ry: float) -> Field:
    """A soft spot around the origin: 1 in the middle, 0.37 at the radii."""
    return np.exp(-((x * (1 / rx)) ** 2 + (y * (1 / ry)) ** 2))


def step(value: Field, low: float, high: float) -> Field:
    """A smooth step from 0 at low to 1 at high."""
    t = clamp((value - low) * (1 / (high - low)))
    return t * t * (3 - 2 * t)
