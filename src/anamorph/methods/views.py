"""Views of a picture: parts of it, mirrored or turned, on which a change is to tell as well.

What is moved for the picture as a whole alone fits one model; what is moved for its views in turn
carries over to others (measured: benchmarks/README.md, what was tried).
"""

import math
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from anamorph.types import Images


class View(NamedTuple):
    """A part of a picture, as shares of its sides, and how it is held."""

    top: float
    left: float
    share: float
    """Of each side."""
    mirrored: bool = False
    inverted: bool = False
    """Upside down."""
    degrees: float = 0.0
    """Turned about its middle; what shows beyond the edges is mirrored there."""

    def part(self, images: Images) -> Images:
        """This part of every picture, at its own resolution; gradients flow back.

        Example:
            >>> import torch
            >>> View(0.25, 0.0, 0.5).part(torch.arange(16.0).view(1, 1, 4, 4)).tolist()
            [[[[4.0, 5.0], [8.0, 9.0]]]]
        """
        height, width = images.shape[-2:]
        top, left = int(self.top * height), int(self.left * width)
        tall, wide = max(1, round(self.share * height)), max(1, round(self.share * width))
        return images[..., top : top + tall, left : left + wide]

    def held(self, shown: Tensor) -> Tensor:
        """The part (n, c, h, w) as it is held, at any size; gradients flow back.

        Cheap at the small size at which a network sees it.

        Example:
            >>> import torch
            >>> View(0, 0, 1, mirrored=True).held(torch.arange(4.0).view(1, 1, 2, 2)).tolist()
            [[[[1.0, 0.0], [3.0, 2.0]]]]
        """
        sides = [side for side, flipped in ((-1, self.mirrored), (-2, self.inverted)) if flipped]
        shown = shown.flip(sides) if sides else shown
        return _turned(shown, self.degrees) if self.degrees else shown


def _turned(shown: Tensor, degrees: float) -> Tensor:
    height, width = shown.shape[-2:]
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    about = shown.new_tensor([[c, -s * height / width, 0.0], [s * width / height, c, 0.0]])
    grid = F.affine_grid(about.expand(len(shown), 2, 3), list(shown.shape), align_corners=False)
    return F.grid_sample(shown, grid, padding_mode="reflection", align_corners=False)


VIEWS = (
    View(0, 0, 1),
    View(0.075, 0.075, 0.85),
    View(0, 0, 1, degrees=12),
    View(0, 0, 1, mirrored=True),
    View(0.15, 0.15, 0.7),
    View(0, 0, 1, degrees=-12),
    View(0, 0.06, 0.94),
    View(0, 0, 1, inverted=True),
    View(0.1, 0.1, 0.8, mirrored=True),
    View(0, 0, 1, mirrored=True, inverted=True),
)
"""The whole picture first."""
