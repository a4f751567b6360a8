"""Forms in which a picture is shared, as a method sees them."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from anamorph.types import Images

Shared: TypeAlias = Callable[[Images], Images]
"""t: what happens to a file that is shared, picture by picture; of the same size, in [0, 1]."""


def as_it_is(x_star: Tensor) -> Tensor:
    """The picture itself."""
    return x_star


def straight_through(t: Shared, alike: Shared = as_it_is) -> Shared:
    """t(x*) with the gradient of something alike, by default of x* itself: codecs have none.

    Example:
        >>> import torch
        >>> x = torch.tensor([[[[0.4, 0.6]]]], requires_grad=True)
        >>> straight_through(torch.round)(x).sum().backward()
        >>> x.grad.tolist()
        [[[[1.0, 1.0]]]]
    """

    def through(x_star: Tensor) -> Tensor:
        near = alike(x_star)
        return near + (t(x_star.detach()) - near.detach())

    return through
