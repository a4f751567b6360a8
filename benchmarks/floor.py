"""The least that a step can cost: one forward pass and the backward pass to the picture.

Nothing else is done: no step rule, no check, no features. The network is the model's own, frozen
and in its memory format, and so are the pictures. This is what a step of the engine is measured
against.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.models import Model
from anamorph.types import Images

Step: TypeAlias = Callable[[], Any]


def floor_step(model: Model, images: Images) -> Step:
    """A function that does one forward and backward pass by hand.

    Args:
        model: a classifier.
        images: of the network's own size, so that preprocessing is the normalization alone.

    Raises:
        ValueError: pictures of another size.
    """
    if tuple(images.shape[-2:]) != model.input.size:
        raise ValueError(
            f"pictures are {tuple(images.shape[-2:])}, but {model.name} reads {model.input.size}; "
            "the floor does not resize"
        )
    mean, std = (images.new_tensor(t)[:, None, None] for t in (model.input.mean, model.input.std))
    x = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(len(x), dtype=torch.long)

    def step() -> Tensor:
        with torch.enable_grad():
            z = x.detach().requires_grad_()
            loss = F.cross_entropy(model.network((z - mean) / std), labels, reduction="sum")
            return torch.autograd.grad(loss, z)[0]

    return step
