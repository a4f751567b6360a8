"""Views of a picture: parts of it, some mirrored, on which a change is to tell as well.

What is moved for the picture as a whole alone fits one model; what is moved for its parts in turn
carries over to others (measured in benchmarks/results/ablation.md).
"""

from typing import NamedTuple

from anamorph.types import Images


class View(NamedTuple):
    """A part of a picture, as shares of its sides."""

    top: float
    left: float
    share: float
    """Of each side."""
    mirrored: bool = False

    def __call__(self, images: Images) -> Images:
        """This part of every picture, at its own resolution; gradients flow back.

        Example:
            >>> import torch
            >>> View(0.25, 0.0, 0.5, mirrored=True)(torch.arange(16.0).view(1, 1, 4, 4)).tolist()
            [[[[5.0, 4.0], [9.0, 8.0]]]]
        """
        height, width = images.shape[-2:]
        top, left = int(self.top * height), int(self.left * width)
        tall, wide = max(1, round(self.share * height)), max(1, round(self.share * width))
        part = images[..., top : top + tall, left : left + wide]
        return part.flip(-1) if self.mirrored else part


VIEWS = (
    View(0, 0, 1),
    View(0.075, 0.075, 0.85),
    View(0, 0, 1, mirrored=True),
    View(0.15, 0.15, 0.7),
    View(0, 0.06, 0.94),
    View(0.1, 0.1, 0.8, mirrored=True),
)
"""The whole picture first, then parts of it."""
