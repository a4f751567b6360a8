"""From a picture at its own resolution to what a network wants, differentiable throughout."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.models.card import Input
from anamorph.models.resample import Axis, resample
from anamorph.types import Images

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601: how a grey network sees RGB."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Resize, crop, and normalize pictures as a network's card says."""

    input: Input

    def __call__(self, images: Images) -> Tensor:
        """The network's own view of pictures with values in [0, 1].

        Raises:
            UsageError: pictures that are neither RGB nor grey.
        """
        return self._view(images, *own_view(images.shape[-2], images.shape[-1], self.input))

    def views(self, images: Images) -> tuple[Tensor, ...]:
        """The own view and, where its crop drops a pixel or more, the whole picture squashed."""
        height, width = images.shape[-2:]
        own = own_view(height, width, self.input)
        if max(axis.dropped for axis in own) < 1:
            return (self._view(images, *own),)
        return self._view(images, *own), self.whole(images)

    def whole(self, images: Images) -> Tensor:
        """All of the picture, squashed to the network's size."""
        return self._view(images, *whole_view(images.shape[-2], images.shape[-1], self.input))

    def _view(self, images: Images, rows: Axis, columns: Axis) -> Tensor:
        channels = len(self.input.mean)
        if images.shape[-3] not in (1, 3):
            raise UsageError(
                f"pictures have {images.shape[-3]} channels; expected 3 (RGB) or 1 (grey)"
            )
        if channels == 1 and images.shape[-3] == 3:
            luma = images.new_tensor(LUMA)[:, None, None]
            images = (images * luma).sum(-3, keepdim=True)
        small = resample(images, rows, columns, self.input.interpolation)
        mean = images.new_tensor(self.input.mean)[:, None, None]
        std = images.new_tensor(self.input.std)[:, None, None]
        return (small.expand(-1, channels, -1, -1) - mean) / std


def own_view(height: int, width: int, input: Input) -> tuple[Axis, Axis]:
    """The rows and columns that the network sees of a picture of this size.

    Sizes and offsets round as in timm and torchvision.

    Example:
        >>> wanted = Input(size=(224, 224), mean=(0.5,), std=(0.5,), resize="shortest+crop",
        ...                crop=0.875)
        >>> own_view(300, 400, wanted)[1]
        Axis(source=400, resized=341, first=58, size=224)
    """
    tall, wide = (int(side / input.crop) for side in input.size)
    if input.resize == "shortest+crop":
        if tall * width >= wide * height:
            wide = tall * width // height
        else:
            tall = wide * height // width
    return _centered(height, tall, input.size[0]), _centered(width, wide, input.size[1])


def whole_view(height: int, width: int, input: Input) -> tuple[Axis, Axis]:
    """The rows and columns that show all of the picture at the network's size."""
    return (
        Axis(height, input.size[0], 0, input.size[0]),
        Axis(width, input.size[1], 0, input.size[1]),
    )


def _centered(source: int, resized: int, size: int) -> Axis:
    return Axis(source, resized, round((resized - size) / 2), size)


def example(input: Input, *, value: float | None = None) -> Tensor:
    """A picture (1, 3, h, w) of the network's size: one grey, or noise that is always the same."""
    height, width = input.size
    if value is not None:
        return torch.full((1, 3, height, width), value)
    return torch.from_numpy(np.random.default_rng(0).random((1, 3, height, width), np.float32))
