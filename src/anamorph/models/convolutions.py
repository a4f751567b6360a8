"""Convolutions that take less time when gradients are to come back to pictures, on processors.

    dx[j] = sum over k with s i + k = j of  W[k]^T dy[i]          for y[i] = sum_k W[k] x[s i + k]

Some of them take torch longer than they need:

- The first layer of most networks, of three channels and a wide kernel with a stride s, has too few
  channels to fill a processor's registers. With j = s i + a and k = s m + a it is

      dx[s i + a] = sum_m W[s m + a]^T dy[i - m]                  a = 0 .. s - 1, along each axis

  one convolution of stride 1 whose channels are those of all s^2 phases a, and a shuffle of pixels.
- Depthwise ones with a stride are passed back in bfloat16 by code that is not meant to be fast;
  in float32 they take a tenth of it.
- Those of one pixel, of a few pictures and in one thread, torch keeps from the library that all
  others are computed by, unless they are strided or dilated. One pixel has nothing to dilate, so
  saying that it is changes only who computes it: a network of such layers takes a tenth less.
- Those of 3 x 3 pixels and many channels need a quarter of the multiplications (`winograd`).

The sums are the same up to rounding.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from anamorph.models import winograd

_FEW = 4
"""Channels of a picture, at most."""

_TO_INPUT = (True, False, False)
"""Which gradients of a convolution are asked for: not those of its weight and bias."""

_WIDE = 4
"""The narrowest kernel for which the phases gain; with three pixels they do not."""

_MANY = 16
"""Pictures from which on torch gives convolutions of one pixel to that library by itself."""


class _Gains(NamedTuple):
    """Which of a network's convolutions are quicker here."""

    always: bool
    """Some are, whatever is shown."""
    points: bool
    """Those of one pixel are, for a few pictures."""


_KNOWN: WeakKeyDictionary[nn.Module, _Gains] = WeakKeyDictionary()


def run(network: nn.Module, x: Tensor) -> Any:
    """What a frozen network returns for x (n, ...); if a gradient is to come back, quickly."""
    if not x.requires_grad or x.device.type != "cpu":
        return network(x)
    gains = _gains(network)
    if not gains.always and not (gains.points and _few(x)):
        return network(x)
    with _Quick():
        return network(x)


def _gains(network: nn.Module) -> _Gains:
    """What gains by it, found once: looking at every call costs all networks a little."""
    if network not in _KNOWN:
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
        _KNOWN[network] = _Gains(
            always=any(
                _is_first(c.weight, c.stride)
                or _is_depthwise(c.weight, c.stride, c.groups)
                or winograd.is_candidate(c.weight)
                for c in layers
            ),
            points=any(_is_point(c.weight, c.stride) for c in layers),
        )
    return _KNOWN[network]


def _few(x: Tensor) -> bool:
    """Whether torch computes its points in another way; one alone has other rules."""
    return 1 < len(x) < _MANY and torch.get_num_threads() == 1


def _is_point(weight: Tensor, stride: tuple[int, ...]) -> bool:
    """Whether it sees one pixel at a time, and all of them."""
    single = tuple(weight.shape[2:]) == (1, 1) and max(stride) == 1
    return single and weight.dtype == torch.float32


def _is_first(weight: Tensor, stride: tuple[int, ...]) -> bool:
    """Whether it is a first layer as above."""
    square = stride[0] == stride[-1] > 1
    return square and weight.shape[1] <= _FEW and min(weight.shape[2:]) >= _WIDE


def _is_depthwise(weight: Tensor, stride: tuple[int, ...], groups: int) -> bool:
    """Whether it is one as above."""
    alone = groups > 1 and weight.shape[1] == 1
    return alone and max(stride) > 1 and weight.dtype == torch.bfloat16


class _Quick(TorchFunctionMode):
    """Sees every convolution, whichever module computes it."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), named: Any = None, /
    ) -> Any:
        if function is torch.conv2d:
            return _convolved(*arguments, **(named or {}))
        return function(*arguments, **(named or {}))


def _convolved(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """As `torch.conv2d`; those that gain go in their own way."""
    frozen = not (weight.requires_grad or (bias is not None and bias.requires_grad))
    if frozen and not isinstance(padding, str):
        steps, border, apart = _pair(stride), _pair(padding), _pair(dilation)
        if groups == 1 and apart == (1, 1) and _is_first(weight, steps):
            return cast(Tensor, _First.apply(input, weight, bias, steps[0], border))  # type: ignore[no-untyped-call]
        if groups == max(*steps, *apart) == 1 and winograd.suits(input, weight, border):
            return winograd.convolve(input, weight, bias)
        if _is_depthwise(weight, steps, groups):
            return cast(Tensor, _Depthwise.apply(input, weight, bias, steps, border, apart))  # type: ignore[no-untyped-call]
    if _is_point(weight, _pair(stride)) and _few(input):
        dilation = 2
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _pair(sides: int | Sequence[int]) -> tuple[int, int]:
    return (sides, sides) if isinstance(sides, int) else (sides[0], sides[-1])


class _First(torch.autograd.Function):
    """A first layer, passed back by phases."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: Any
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.of = x.shape, stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (weight,) = gradients, ctx.saved_tensors
        return (back_by_phases(dy, weight, *ctx.of), *[None] * 4)


class _Depthwise(torch.autograd.Function):
    """A depthwise layer, passed back in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *how: Any) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.of = x.shape, how
        stride, padding, dilation = how
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (weight,), (shape, how) = gradients, ctx.saved_tensors, ctx.of
        dx = torch.empty(shape, dtype=dy.dtype, memory_format=torch.channels_last)
        wide, one = weight.float(), dx[:1].float()  # of which nothing but the shape counts
        for i in range(len(dy)):  # one by one, so that what is twice as wide stays in the cache
            dx[i : i + 1] = torch.ops.aten.convolution_backward(
                dy[i : i + 1].float(), one, wide, None, *how, False, (0, 0), shape[1], _TO_INPUT
            )[0]
        return (dx, *[None] * 5)


def back_by_phases(
    dy: Tensor, weight: Tensor, shape: tuple[int, ...], stride: int, padding: tuple[int, int]
) -> Tensor:
    """dx of `shape` (n, c, h, w) from dy (n, o, h', w') and W (o, c, p, q), by its s^2 phases.

    Example:
        >>> weight, x = torch.rand(8, 3, 7, 5), torch.rand(2, 3, 20, 21, requires_grad=True)
        >>> y = F.conv2d(x, weight, stride=2, padding=(3, 1))
        >>> (dx,) = torch.autograd.grad(y.sum(), x)
        >>> phased = back_by_phases(torch.ones_like(y), weight, x.shape, 2, (3, 1))
        >>> torch.allclose(phased, dx, atol=1e-4)
        True
    """
    o, c = weight.shape[:2]
    high, wide = (-(-side // stride) for side in weight.shape[2:])  # how many m there are
    filled = F.pad(
        weight, (0, wide * stride - weight.shape[3], 0, high * stride - weight.shape[2])
    ).view(o, c, high, stride, wide, stride)
    phases = filled.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(-1, o, high, wide)
    phases = phases.contiguous(memory_format=torch.channels_last)
    dx = F.pixel_shuffle(F.conv2d(dy, phases, padding=(high - 1, wide - 1)), stride)
    (top, left), (height, width) = padding, shape[2:]
    dx = dx[:, :, top : top + height, left : left + width]
    below, right = height - dx.shape[2], width - dx.shape[3]  # pixels that no window reaches
    return F.pad(dx, (0, right, 0, below)) if below or right else dx
