"""One tensor out of whatever a network returns."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from anamorph.errors import ModelError
from anamorph.types import Images, Task


def unwrap(output: Any, task: Task, name: str) -> Tensor:
    """Class logits or embeddings (n, k) from a network's raw output.

    Knows a tensor, an object with `.logits`, a mapping with "logits", and a tuple or list of one
    tensor. Trailing axes of one are dropped; the raw head of a detector is flattened per picture.

    Raises:
        ModelError: anything else.
    """
    found = _tensor(output)
    if found is None:
        raise ModelError(
            f"{name}: the network returned {_described(output)}; expected a tensor (n, k), "
            "something with logits, or a tuple of one tensor: wrap it in a module that returns one"
        )
    if found.ndim > 2 and (task == "detect" or found.shape[2:].numel() == 1):
        found = found.flatten(1)
    if found.ndim != 2:
        raise ModelError(
            f"{name}: the network returned a tensor {tuple(found.shape)}; expected (n, k), "
            "one row per picture"
        )
    return found


def returned(tensor: Tensor, images: Images) -> Tensor:
    """On the device of the pictures that were read; in their numbers, not in bfloat16."""
    short = tensor.dtype == torch.bfloat16
    return tensor.to(images.device, images.dtype if short else tensor.dtype)


def _tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    logits = output.get("logits") if isinstance(output, Mapping) else None
    if logits is None:
        logits = getattr(output, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    if isinstance(output, tuple | list) and len(output) == 1 and isinstance(output[0], Tensor):
        return output[0]
    return None


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a mapping of {', '.join(map(repr, output))}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"
