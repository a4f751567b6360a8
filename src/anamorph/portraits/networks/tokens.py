"""The two families that work on tokens or like it: a vision transformer and a ConvNeXt."""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GRID = 8
"""Tokens of the transformer along each side of a picture."""


class Tokens(nn.Module):
    """A feature map (n, c, h, w) as tokens (n, h*w, c), each told where it lies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, GRID * GRID, width))

    def forward(self, x: Tensor) -> Tensor:
        """Row by row."""
        return x.flatten(2).transpose(1, 2) + self.position


class Attention(nn.Module):
    """Every token asks all the others."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, t, c) to tokens (n, t, c)."""
        n, t, c = x.shape
        split = self.queries_keys_values(x).view(n, t, 3, self.heads, c // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        merged: Tensor = self.merge(seen.transpose(1, 2).reshape(n, t, c))
        return merged


class Encoder(nn.Module):
    """One layer of a transformer: attention, then a small network for each token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, t, c) to tokens (n, t, c)."""
        x = x + self.attention(x)
        x = x + self.mlp(x)
        return x


class ChannelNorm(nn.Module):
    """Layer norm over the channels of a feature map (n, c, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Each place on its own."""
        out: Tensor = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


class ConvNeXtBlock(nn.Module):
    """A wide filter per channel, then a small network for each place, with a way around."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Feature map (n, c, h, w) to feature map (n, c, h, w)."""
        places = self.norm(self.spatial(x).permute(0, 2, 3, 1))
        out: Tensor = x + self.mlp(places).permute(0, 3, 1, 2)
        return out


def transformer(classes: int) -> nn.Sequential:
    """A vision transformer over 8 by 8 tokens, after ViT, with early convolutions."""
    width, heads, depth, vote = 72, 4, 4, 16

    def shrink(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, 2, padding=1, bias=False)
        return convolution, nn.BatchNorm2d(outputs), nn.GELU()

    stem = nn.Sequential(*shrink(3, 24), *shrink(24, 48), *shrink(48, width), Tokens(width))
    head = nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, vote),
        nn.Flatten(),  # tokens keep their places: a face is told by where its features lie
        nn.Linear(vote * GRID * GRID, classes),
    )
    stages = nn.Sequential(*(Encoder(width, heads) for _ in range(depth)))
    return nn.Sequential(OrderedDict(stem=stem, stages=stages, head=head))


def convnext(classes: int) -> nn.Sequential:
    """Wide filters per channel and layer norm, after ConvNeXt, with early convolutions."""
    widths = (32, 64, 88)

    def shrink(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(ChannelNorm(inputs), nn.Conv2d(inputs, outputs, 2, 2))

    stem = nn.Sequential(
        nn.Conv2d(3, widths[0] // 2, 3, 2, padding=1),
        nn.GELU(),
        nn.Conv2d(widths[0] // 2, widths[0], 3, 2, padding=1),
        ChannelNorm(widths[0]),
    )
    stages = [nn.Sequential(ConvNeXtBlock(widths[0]), ConvNeXtBlock(widths[0]))]
    for narrow, wide in pairwise(widths):
        stages.append(nn.Sequential(shrink(narrow, wide), ConvNeXtBlock(wide), ConvNeXtBlock(wide)))
    return nn.Sequential(
        OrderedDict(
            stem=stem,
            stages=nn.Sequential(*stages),
            head=nn.Sequential(
                ChannelNorm(widths[-1]),
                nn.Flatten(),
                nn.Linear(16 * widths[-1], classes),
            ),
        )
    )
