"""What decoders are built from: a design, and the body of every kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, log2, prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.errors import UsageError

MAP_KINDS = ("linear", "deconvolution", "residual", "unet")
EMBEDDING_KINDS = ("ridge", "mlp", "convolutional")

_SMALLEST = 7
"""Side of the map that a convolutional decoder of embeddings starts from, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a decoder is built from."""

    kind: str
    """One of `MAP_KINDS` or `EMBEDDING_KINDS`."""
    feature: tuple[int, ...]
    """Shape of one feature: (c, h, w) of a map, (k,) of an embedding."""
    picture: tuple[int, int]
    """Height and width of what comes out."""
    width: int = 32
    """Channels inside; an mlp has 16 times as many units."""

    def __post_init__(self) -> None:
        kinds = MAP_KINDS if len(self.feature) == 3 else EMBEDDING_KINDS
        if len(self.feature) not in (1, 3) or min(*self.feature, *self.picture, self.width) < 1:
            raise UsageError(
                f"a feature of shape {self.feature} cannot be decoded to {self.picture}; give a "
                "map (c, h, w) or an embedding (k,)"
            )
        if self.kind not in kinds:
            raise UsageError(
                f"a decoder of features {self.feature} cannot be {self.kind!r}; choose one of "
                f"{', '.join(kinds)}"
            )


class _Residual(nn.Module):
    """x + norm(conv(relu(norm(conv(x)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(*_normed(width, width), *_normed(width, width)[:2])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.relu(x + self.change(x))
        return out


class _UNet(nn.Module):
    """Down twice by strides, up twice by repetition, each time beside what was there."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        width = design.width
        self.inward = nn.Sequential(*_normed(design.feature[0], width, kernel=1))
        self.down = nn.Sequential(*_normed(width, 2 * width, stride=2))
        self.deep = nn.Sequential(
            *_normed(2 * width, 2 * width, stride=2), *_normed(2 * width, 2 * width)
        )
        self.middle = nn.Sequential(*_normed(4 * width, width))
        self.outward = nn.Sequential(*_normed(2 * width, width), *_cells(width, design))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.inward(x)
        low = self.down(wide)
        deep = F.interpolate(self.deep(low), low.shape[-2:])
        middle = self.middle(torch.cat((low, deep), dim=1))
        middle = F.interpolate(middle, wide.shape[-2:])
        out: Tensor = self.outward(torch.cat((wide, middle), dim=1))
        return out


def _linear(design: Design) -> nn.Module:
    return nn.Sequential(*_cells(design.feature[0], design))


def _deconvolution(design: Design) -> nn.Module:
    channels, height, width = design.feature
    return nn.Sequential(
        *_normed(channels, design.width, kernel=1),
        *_normed(design.width, design.width),
        *_enlarged(design.width, _doublings(design, (height, width))),
    )


def _residual(design: Design) -> nn.Module:
    return nn.Sequential(
        *_normed(design.feature[0], design.width, kernel=1),
        _Residual(design.width),
        _Residual(design.width),
        *_cells(design.width, design),
    )


def _ridge(design: Design) -> nn.Module:
    pixels = 3 * prod(design.picture)
    return nn.Sequential(
        nn.Linear(design.feature[0], pixels), nn.Unflatten(1, (3, *design.picture))
    )


def _mlp(design: Design) -> nn.Module:
    half = tuple(ceil(side / 2) for side in design.picture)
    units = 16 * design.width
    return nn.Sequential(
        nn.Linear(design.feature[0], units),
        nn.ReLU(),
        nn.Linear(units, units),
        nn.ReLU(),
        nn.Linear(units, 3 * prod(half)),
        nn.Unflatten(1, (3, *half)),
        nn.Upsample(scale_factor=2, mode="bilinear"),
    )


def _convolutional(design: Design) -> nn.Module:
    doublings = max(1, ceil(log2(max(design.picture) / _SMALLEST)))
    small = tuple(ceil(side / 2**doublings) for side in design.picture)
    wide = 4 * design.width
    return nn.Sequential(
        nn.Linear(design.feature[0], wide * prod(small)),
        nn.Unflatten(1, (wide, *small)),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
        *_enlarged(wide, doublings),
    )


def _normed(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """conv -> batch norm -> relu."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


def _cells(inputs: int, design: Design) -> list[nn.Module]:
    """A convolution that writes a cell of pixels for every place of the map."""
    side = 2 ** _doublings(design, design.feature[1:])
    return [nn.Conv2d(inputs, 3 * side**2, 3, padding=1), nn.PixelShuffle(side)]


def _enlarged(width: int, doublings: int) -> list[nn.Module]:
    """Transposed convolutions, each of which doubles the size; the last one writes pixels."""
    layers: list[nn.Module] = []
    for _ in range(doublings - 1):
        half = max(8, width // 2)
        layers += [
            nn.ConvTranspose2d(width, half, 4, 2, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
        ]
        width = half
    if doublings:
        return [*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1)]
    return [nn.Conv2d(width, 3, 3, padding=1)]


def _doublings(design: Design, size: tuple[int, ...]) -> int:
    """How often a map of this size is doubled until it is no smaller than the picture."""
    ratio = max(whole / part for whole, part in zip(design.picture, size, strict=True))
    return max(0, ceil(log2(ratio)))


BODIES: Mapping[str, Callable[[Design], nn.Module]] = {
    "linear": _linear,
    "deconvolution": _deconvolution,
    "residual": _residual,
    "unet": _UNet,
    "ridge": _ridge,
    "mlp": _mlp,
    "convolutional": _convolutional,
}
"""The body of every kind."""
