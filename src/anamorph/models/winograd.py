"""Convolutions of 3 x 3 with a quarter of the multiplications: Winograd's F(4 x 4, 3 x 3).

    Y = A^T [(G g G^T) * (B^T d B)] A      d: patch of 6 x 6, g: kernel of 3 x 3, Y: 4 x 4 outputs

after Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016). Patches overlap by
two, so that their outputs do not. Summed over channels, each of the 36 places p of a patch is a
product of matrices, patches by channels times channels by outputs:

    U = G g G^T      V = B^T d B      M_p = V_p U_p      Y = A^T M A

Lavin and Gray interpolate at 0, 1, -1, 2, -2 and infinity. Here -2 is 1/2, and so x -> 1/x leaves
the set as it is. A kernel turned round, as it takes gradients back, is the polynomial of g with its
coefficients reversed, x^2 g(1/x): its U is that of g with some places exchanged. Both ways share
one U, which needs four times the memory of the kernels. Rounding grows to some 1e-5 of the outputs.

A few rows of patches at a time, since what is between the four products must stay in the cache.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_B_T = torch.tensor(
    [
        [1, -5 / 2, 0, 5 / 2, -1, 0],
        [0, -1, 3 / 2, 3 / 2, -1, 0],
        [0, -1, 7 / 2, -7 / 2, 1, 0],
        [0, 1 / 4, -1 / 2, -1 / 4, 1 / 2, 0],
        [0, 4, -2, -4, 2, 0],
        [0, -1, 5 / 2, 0, -5 / 2, 1],
    ],
    dtype=torch.float64,
)
_G = torch.tensor(
    [
        [1, 0, 0],
        [1, 1, 1],
        [1 / 9, -1 / 9, 1 / 9],
        [2 / 9, 4 / 9, 8 / 9],
        [8 / 9, 4 / 9, 2 / 9],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
_A_T = torch.tensor(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, 1 / 2, 0],
        [0, 1, 1, 4, 1 / 4, 0],
        [0, 1, -1, 8, 1 / 8, 1],
    ],
    dtype=torch.float64,
)
_INVERSE = [5, 1, 2, 4, 3, 0]
"""The place of 1/x, for each point x."""

_THERE = _B_T, _A_T
_BACK = _B_T[_INVERSE], _A_T[:, _INVERSE]

_ROWS = 256
"""Patches at a time, for each thread: enough for fast products, few enough for the cache."""

_CHANNELS = 64
"""The fewest for which it gains, for each thread: with fewer, patches cost more than they save."""

_FILLED = 0.6
"""The least share of the outputs' 4 x 4 blocks that must lie inside the map."""

_PATCHES = 8
"""The fewest in a batch: with fewer, reading U takes longest."""

_known: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
"""U of each frozen kernel, with the version of the kernel that it was made of."""


def suits(x: Tensor, weight: Tensor, padding: tuple[int, int]) -> bool:
    """Whether a convolution of stride 1 of x (n, c, h, w) is quicker so; weight (k, c, p, q)."""
    n, _, h, w = x.shape
    patches = -(-h // 4) * -(-w // 4)
    return (
        is_candidate(weight)
        and min(weight.shape[:2]) >= _CHANNELS * torch.get_num_threads()
        and padding == (1, 1)
        and x.dtype == torch.float32
        and n * patches >= _PATCHES
        and h * w >= _FILLED * 16 * patches
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def is_candidate(weight: Tensor) -> bool:
    """Whether a kernel (k, c, p, q) is of a kind that may be quicker so, on this machine."""
    return (
        tuple(weight.shape[2:]) == (3, 3)
        and min(weight.shape[:2]) >= _CHANNELS
        and weight.dtype == torch.float32
        and not weight.is_inference()
        and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    )


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What `conv2d` with padding 1 returns for x (n, c, h, w), and a frozen weight and bias.

    Example:
        >>> x, weight = torch.rand(1, 3, 9, 10), torch.rand(5, 3, 3, 3)
        >>> expected = torch.conv2d(x, weight, padding=1)
        >>> torch.allclose(convolve(x, weight, None), expected, atol=1e-4)
        True
    """
    return cast(Tensor, _Winograd.apply(x, weight, bias))  # type: ignore[no-untyped-call]


class _Winograd(torch.autograd.Function):
    """There by U, and back by the same U."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.u = _transformed(weight)
        return _convolved(x, ctx.u, bias, *_THERE)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _convolved(gradients[0], ctx.u.transpose(1, 2), None, *_BACK), None, None


def _transformed(weight: Tensor) -> Tensor:
    """U (36, c, k) of kernels g (k, c, 3, 3), kept as long as they are."""
    known: tuple[int, Tensor] | None = _known.get(weight)  # type: ignore[no-untyped-call]
    if known and known[0] == weight._version:
        return known[1]
    k, c = weight.shape[:2]
    g = weight.permute(2, 3, 1, 0).reshape(3, 3, c * k)
    u = _on_both_sides(_G.to(g), g, g.new_empty(18 * c * k), g.new_empty(36 * c * k))
    _known[weight] = weight._version, u.view(36, c, k)
    return u.view(36, c, k)


class _Part(NamedTuple):
    """Some pictures, and lines of patches in each: all of them if there are several pictures."""

    pictures: slice
    line: int
    lines: int


def _convolved(x: Tensor, u: Tensor, bias: Tensor | None, b_t: Tensor, a_t: Tensor) -> Tensor:
    """Y (n, k, h, w) of x (n, c, h, w), U (36, c, k), B^T (6, 6) and A^T (4, 6)."""
    (n, c, h, w), k = x.shape, u.shape[2]
    b_t, a_t = b_t.to(x.dtype), a_t.to(x.dtype)
    y = torch.empty((n, k, h, w), dtype=x.dtype, memory_format=torch.channels_last)
    wide = -(-w // 4)
    parts = list(_parts(n, -(-h // 4), wide))
    q, r = parts[0].pictures.stop, parts[0].lines  # no other is larger
    here, there = (x.new_empty(36 * q * r * wide * max(c, k)) for _ in range(2))
    bordered = x.new_empty(q, 4 * r + 2, 4 * wide + 2, c)
    for part in parts:
        d = _patches(x.permute(0, 2, 3, 1), part, bordered)
        p = d[0, 0, ..., 0].numel()
        d = here[: d.numel()].view(d.shape).copy_(d).view(6, 6, p * c)
        v = _on_both_sides(b_t, d, there, here)
        m = torch.bmm(v.view(36, p, c), u, out=there[: 36 * p * k].view(36, p, k))
        o = _on_both_sides(a_t, m.view(6, 6, p * k), here, there)
        _write(o.view(4, 4, -1, part.lines, wide, k), part, bias, y.permute(0, 2, 3, 1))
    return y


def _parts(n: int, high: int, wide: int) -> Iterator[_Part]:
    """Parts of n pictures of high x wide patches, the first of them the largest."""
    rows = _ROWS * torch.get_num_threads()
    many = min(n, max(1, rows // (high * wide)))
    lines = high if many > 1 else min(high, max(1, rows // wide))
    for first in range(0, n, many):
        for line in range(0, high, lines):
            yield _Part(slice(first, min(first + many, n)), line, min(lines, high - line))


def _patches(x: Tensor, part: _Part, bordered: Tensor) -> Tensor:
    """d (6, 6, pictures, lines, patches, c) of x (n, h, w, c): views of what `bordered` holds."""
    (h, w), some = x.shape[1:3], x[part.pictures]
    first, last = 4 * part.line - 1, 4 * (part.line + part.lines) + 1
    top, end = max(first, 0), min(last, h)
    held = bordered[: len(some), : last - first]
    held[:, : top - first] = 0
    held[:, end - first :] = 0
    held[:, :, 0] = 0
    held[:, :, w + 1 :] = 0
    held[:, top - first : end - first, 1 : w + 1] = some[:, top:end]
    return held.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3)


def _write(o: Tensor, part: _Part, bias: Tensor | None, y: Tensor) -> None:
    """Blocks o (4, 4, pictures, lines, patches, k) and the bias into y (n, h, w, k)."""
    blocks = o.permute(2, 3, 0, 4, 1, 5)
    q, r, _, wide, _, k = blocks.shape
    to = y[part.pictures, 4 * part.line : 4 * (part.line + part.lines)]
    if to.shape[1:3] == (4 * r, 4 * wide):
        to = to.view(blocks.shape)
    else:
        blocks = blocks.reshape(q, 4 * r, 4 * wide, k)[:, : to.shape[1], : to.shape[2]]
    if bias is None:
        to.copy_(blocks)
    else:
        torch.add(blocks, bias, out=to)


def _on_both_sides(left: Tensor, x: Tensor, between: Tensor, to: Tensor) -> Tensor:
    """L X L^T (m, m, o) for L (m, n) and each of the o matrices X (n, n, o), in memory given."""
    (m, n), o = left.shape, x.shape[2]
    half = between[: m * n * o].view(m, n * o)
    torch.mm(left, x.view(n, n * o), out=half)
    whole = to[: m * m * o].view(m, m, o)
    return torch.bmm(left.expand(m, m, n), half.view(m, n, o), out=whole)
