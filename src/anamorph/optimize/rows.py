"""Nested per-sample data as one thing: indexed, joined and counted by its rows.

Rows are tensors of n rows, None, or tuples (named ones too) and dicts of rows. Everything that
belongs to a sample - the picture, its clean features, the state of its step rule - travels as
rows, so the engine can retire finished samples and pull in new ones without knowing what they are.
"""

from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

Rows: TypeAlias = Any
"""A tensor, None, or a tuple, named tuple or dict of rows; every tensor has the same n rows."""

R = TypeVar("R")


def take(rows: R, index: Tensor) -> R:
    """The rows that `index` names, by number or by truth value; no copy where that is all.

    Example:
        >>> take((torch.tensor([1, 2, 3]), None), torch.tensor([True, False, True]))
        (tensor([1, 3]), None)
    """
    if index.dtype == torch.bool and index.all():
        return rows
    taken: R = _map(lambda t: t[index], rows)
    return taken


def spread(values: Tensor, index: Tensor, other: float) -> Tensor:
    """The reverse of `take` for one number per row: values where `index` is true, else `other`.

    Example:
        >>> spread(torch.tensor([1.0, 3.0]), torch.tensor([True, False, True]), 0.0)
        tensor([1., 0., 3.])
    """
    if index.all():
        return values
    return values.new_full(index.shape, other).masked_scatter(index, values)


def shaped(number: Tensor, like: Tensor) -> Tensor:
    """One number per row, shaped so that it applies to all of its row in `like`.

    Example:
        >>> shaped(torch.tensor([1.0, 2.0]), torch.zeros(2, 3, 4, 4)).shape
        torch.Size([2, 1, 1, 1])
    """
    return number.view(-1, *[1] * (like.dim() - 1))


def join(first: R, second: R) -> R:
    """The rows of `first`, then those of `second`; both have the same structure.

    Example:
        >>> join({"a": torch.tensor([1])}, {"a": torch.tensor([2])})
        {'a': tensor([1, 2])}
    """
    joined: R = _map(lambda a, b: torch.cat((a, b)), first, second)
    return joined


def _map(f: Any, *rows: Any) -> Any:
    head = rows[0]
    match head:
        case None:
            return None
        case Tensor():
            return f(*rows)
        case dict():
            return {k: _map(f, *(r[k] for r in rows)) for k in head}
        case tuple():
            parts = (_map(f, *same) for same in zip(*rows, strict=True))
            return type(head)(*parts) if hasattr(head, "_fields") else tuple(parts)
    raise TypeError(f"rows hold a {type(head).__name__}; expected tensors, None, tuples or dicts")
