"""Batch norms folded into the convolutions before them: the same answers for less work.

In eval mode a batch norm is a fixed affine map per channel, so it can be absorbed:

    s  = gamma / sqrt(var + eps)
    W' = s * W                            per output channel, of transposed convolutions too
    b' = s * (b - mean) + beta

Which norm follows which convolution is seen in a forward pass, not guessed from names, and the
folded network is used only if it answers as the original does.
"""

from contextlib import ExitStack
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from anamorph.models.clipping import keep_less


class Folded(NamedTuple):
    """A network whose layers have the same names, some of them with other outputs."""

    network: nn.Module
    changed: frozenset[str]
    """The convolutions that now return what the norm after them returned."""


class _Pair(NamedTuple):
    convolution: str
    norm: str


def fold_norms(network: nn.Module, view: Tensor) -> Folded | None:
    """A copy with its batch norms folded, or None where there is nothing to fold.

    The copy keeps less for the way back, too: see `clipping`.

    Args:
        network: frozen, in eval mode.
        view: (n, c, h, w) an input it reads; its output there decides nothing here.
    """
    pairs = _pairs(network, view)
    if not pairs:
        return None
    folded = deepcopy(network)
    for pair in pairs:
        _fold(folded, pair)
    keep_less(folded, view)
    return Folded(folded.eval(), frozenset(pair.convolution for pair in pairs))


def _pairs(network: nn.Module, view: Tensor) -> list[_Pair]:
    """Convolutions and norms that run once each, the one on the very output of the other."""
    made_by: dict[int, str] = {}
    outputs: list[Tensor] = []  # kept, so that no other tensor takes the same identity
    runs: dict[str, int] = {}
    pairs: list[_Pair] = []

    def convolved(name: str, output: Tensor) -> None:
        runs[name] = runs.get(name, 0) + 1
        made_by[id(output)] = name
        outputs.append(output)

    def normed(name: str, input: Tensor) -> None:
        runs[name] = runs.get(name, 0) + 1
        if id(input) in made_by:
            pairs.append(_Pair(made_by[id(input)], name))

    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            if _outputs(module) is not None:
                hooks.enter_context(
                    module.register_forward_hook(lambda _, __, out, name=name: convolved(name, out))
                )
            elif isinstance(module, nn.BatchNorm2d) and _after(module) is not None:
                hooks.enter_context(
                    module.register_forward_pre_hook(
                        lambda _, given, name=name: normed(name, given[0])
                    )
                )
        network(view)
    return [pair for pair in pairs if runs[pair.convolution] == runs[pair.norm] == 1]


def _fold(network: nn.Module, pair: _Pair) -> None:
    convolution, norm = network.get_submodule(pair.convolution), network.get_submodule(pair.norm)
    match convolution, _outputs(convolution), norm, _statistics(norm), _after(norm):
        case (
            nn.Conv2d() | nn.ConvTranspose2d(),
            int() as axis,
            nn.BatchNorm2d(),
            (mean, var),
            nn.Module() as after,
        ):
            scale = (var.double() + norm.eps).rsqrt()  # s
            if norm.weight is not None:
                scale = scale * norm.weight
            shift = -mean * scale  # b'
            if convolution.bias is not None:
                shift = shift + convolution.bias * scale
            if norm.bias is not None:
                shift = shift + norm.bias
            weight = convolution.weight
            shape = [1] * weight.dim()
            shape[axis] = -1
            convolution.weight = _parameter(weight * scale.view(shape), weight)  # W'
            convolution.bias = _parameter(shift, weight)
            parent, _, child = pair.norm.rpartition(".")
            setattr(network.get_submodule(parent), child, after)
        case _:
            raise TypeError(f"{pair.convolution} and {pair.norm} cannot be folded")


def _outputs(module: nn.Module) -> int | None:
    """The axis of a convolution's weight that counts its outputs."""
    match module:
        case nn.Conv2d():
            return 0
        case nn.ConvTranspose2d(groups=1):
            return 1
        case _:
            return None


def _parameter(value: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(value.to(like.dtype), requires_grad=False)


def _statistics(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    if (
        not isinstance(norm, nn.BatchNorm2d)
        or norm.running_mean is None
        or norm.running_var is None
    ):
        return None
    return norm.running_mean, norm.running_var


def _after(norm: nn.Module) -> nn.Module | None:
    """What is left of a norm once its affine map is gone; None where that is not known."""
    if _statistics(norm) is None:
        return None
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    drop, act = getattr(norm, "drop", None), getattr(norm, "act", None)
    if isinstance(drop, nn.Module) and isinstance(act, nn.Module):  # timm's norm with activation
        return nn.Sequential(drop, act)
    return None
