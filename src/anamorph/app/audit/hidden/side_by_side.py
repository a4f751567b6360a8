"""Original and hidden picture side by side: of one size, and as a model reads both."""

import math
from typing import NamedTuple

from torch import Tensor

from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.losses import cosine
from anamorph.models.resample import Axis, resample
from anamorph.types import Images, Task


class Agreement(NamedTuple):
    """Whether a model reads two pictures alike."""

    cosine: float | None = None
    """Where it embeds."""
    kept: bool | None = None


def agreement(readings: tuple[Tensor, Tensor] | None, task: Task) -> Agreement:
    """Whether two readings say the same; nothing is known of none."""
    if readings is None:
        return Agreement()
    before, after = readings
    if task == "embed":
        alike = finite(cosine(before, after))
        return Agreement(alike, alike is not None and alike >= LEAST_COSINE)
    return Agreement(None, bool(before.argmax(1) == after.argmax(1)))


def embeddings(readings: tuple[Tensor, Tensor] | None, task: Task) -> tuple[Tensor, Tensor] | None:
    """What of two readings is needed when all pictures are there: little, as they may be many."""
    if readings is None:
        return None
    k = readings[0].shape[1] if task == "embed" else 0
    return readings[0][:, :k].float(), readings[1][:, :k].float()


def original_beside(x: Images, hidden: Images) -> Images:
    """An original (1, c, h, w) at the size of its hidden picture, in three channels."""
    (height, width), (rows, columns) = x.shape[-2:], hidden.shape[-2:]
    sized = resample(x, Axis(height, rows, 0, rows), Axis(width, columns, 0, columns), "bilinear")
    return in_color(sized.clamp_(0, 1))


def in_color(images: Images) -> Images:
    """In three channels."""
    return images.expand(-1, 3, -1, -1)


def finite(one: Tensor) -> float | None:
    """The number in a tensor; None for infinity and NaN, which JSON cannot hold."""
    value = one.item()
    return value if math.isfinite(value) else None
