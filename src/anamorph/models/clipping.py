"""ReLU6 in place that keeps one map for the way back, not two.

    y = min(max(x, 0), 6)        dx = dy where 0 < y < 6, else 0

What goes back can be told from y, which the layer after it reads anyway; torch keeps a copy of x
beside it. The copy is another pass over memory, which is what small convolutions wait for.
"""

from contextlib import ExitStack
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LOW, _HIGH = 0.0, 6.0


class Clipped(nn.Module):
    """As `nn.ReLU6(inplace=True)`, up to what it keeps; for outputs that nobody changes."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) to the same tensor, clipped to [0, 6]."""
        if not x.requires_grad or x.is_leaf:
            return F.hardtanh(x, _LOW, _HIGH, inplace=True)
        return cast(Tensor, _Clip.apply(x))  # type: ignore[no-untyped-call]


def keep_less(network: nn.Module, view: Tensor) -> None:
    """Put `Clipped` in the place of the activations of a network that a convolution reads.

    Nothing may change after a convolution has read it, or torch itself could not go back. Something
    may before, in place: so the network must be tried on the way back, where it would fail.

    Args:
        network: frozen, in eval mode; it is changed.
        view: (n, c, h, w) an input it reads.
    """
    clipped: dict[int, str] = {}
    outputs: list[Tensor] = []  # kept, so that no other tensor takes the same identity
    found: set[str] = set()

    def clips(name: str, output: Tensor) -> None:
        clipped[id(output)] = name
        outputs.append(output)

    def reads(input: Tensor) -> None:
        if id(input) in clipped:
            found.add(clipped[id(input)])

    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            if type(module) is nn.ReLU6 and module.inplace:
                hooks.enter_context(
                    module.register_forward_hook(lambda _, __, out, name=name: clips(name, out))
                )
            elif isinstance(module, nn.Conv2d):
                hooks.enter_context(
                    module.register_forward_pre_hook(lambda _, given: reads(given[0]))
                )
        network(view)
    for name in found:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, Clipped())


class _Clip(torch.autograd.Function):
    """The activation, with its output for the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        y = x.clamp_(_LOW, _HIGH)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (dy,), (y,) = gradients, ctx.saved_tensors
        return cast(Tensor, torch.ops.aten.hardtanh_backward(dy, y, _LOW, _HIGH))
