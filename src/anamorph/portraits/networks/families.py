"""Six small classifiers of different families, for pictures of 64 by 64 pixels.

They stand in for the models of the world: what protects against one family has to hold against the
others. Each has 100 to 350 thousand parameters and the same three parts, `stem`, `stages` and
`head`, so that layers can be named the same way throughout: `stages.0` is the first stage.
"""

from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType

import torch
from torch import Tensor, nn

from anamorph.portraits.networks.tokens import convnext, transformer

SIZE = 64
"""Height and width of the pictures the networks read."""


class Add(nn.Module):
    """A body around which its input flows: body(x) + shortcut(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Both ways, added."""
        out: Tensor = self.body(x) + self.shortcut(x)
        return out


class Concatenate(nn.Module):
    """A body whose output is appended to its input, channel after channel."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """The input first, then what the body adds."""
        return torch.cat([x, self.body(x)], dim=1)


def vgg(classes: int) -> nn.Sequential:
    """Plain 3x3 convolutions and pooling, after VGG."""

    def stage(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(*_conv(inputs, outputs), nn.ReLU(), nn.MaxPool2d(2))

    return _network(
        stem=nn.Sequential(*_conv(3, 16, stride=2), nn.ReLU()),
        stages=[stage(16, 32), stage(32, 64), stage(64, 96)],
        head=nn.Sequential(nn.Flatten(), nn.Linear(96 * 16, 96), nn.ReLU(), nn.Linear(96, classes)),
    )


def residual(classes: int) -> nn.Sequential:
    """Blocks of two 3x3 convolutions with a way around, after ResNet."""

    def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        body = nn.Sequential(
            *_conv(inputs, outputs, stride=stride), nn.ReLU(), *_conv(outputs, outputs)
        )
        same = inputs == outputs and stride == 1
        around = None if same else nn.Sequential(*_conv(inputs, outputs, kernel=1, stride=stride))
        return nn.Sequential(Add(body, around), nn.ReLU())

    return _network(
        stem=nn.Sequential(*_conv(3, 16, stride=2), nn.ReLU()),
        stages=[block(16, 16, 1), block(16, 32, 2), block(32, 64, 2), block(64, 96, 2)],
        head=_flat(96, classes),
    )


def depthwise(classes: int) -> nn.Sequential:
    """Inverted residuals with one filter per channel, after MobileNetV2."""

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        wide = 3 * inputs
        body = nn.Sequential(
            *_conv(inputs, wide, kernel=1),
            nn.ReLU6(),
            *_conv(wide, wide, stride=stride, groups=wide),
            nn.ReLU6(),
            *_conv(wide, outputs, kernel=1),
        )
        return Add(body) if inputs == outputs and stride == 1 else body

    return _network(
        stem=nn.Sequential(*_conv(3, 16, stride=2), nn.ReLU6()),
        stages=[
            nn.Sequential(block(16, 24, 2), block(24, 24, 1)),
            nn.Sequential(block(24, 48, 2), block(48, 48, 1)),
            nn.Sequential(block(48, 96, 2), block(96, 96, 1)),
        ],
        head=_flat(96, classes),
    )


def dense(classes: int) -> nn.Sequential:
    """Every layer sees all the ones before it, after DenseNet."""

    def layer(inputs: int, growth: int) -> Concatenate:
        return Concatenate(
            nn.Sequential(
                nn.BatchNorm2d(inputs),
                nn.ReLU(),
                nn.Conv2d(inputs, growth, 3, padding=1, bias=False),
            )
        )

    def stage(inputs: int, growth: int, layers: int, outputs: int) -> nn.Sequential:
        grown = inputs + growth * layers
        return nn.Sequential(
            *(layer(inputs + growth * i, growth) for i in range(layers)),
            *_conv(grown, outputs, kernel=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
        )

    return _network(
        stem=nn.Sequential(*_conv(3, 16, stride=2), nn.ReLU()),
        stages=[stage(16, 12, 2, 32), stage(32, 20, 3, 64), stage(64, 32, 3, 96)],
        head=_flat(96, classes),
    )


FAMILIES: MappingProxyType[str, Callable[[int], nn.Sequential]] = MappingProxyType(
    {
        "vgg": vgg,
        "residual": residual,
        "depthwise": depthwise,
        "dense": dense,
        "transformer": transformer,
        "convnext": convnext,
    }
)
"""What builds each family, given the number of classes; weights are torch's own random start."""


def _network(*, stem: nn.Module, stages: list[nn.Module], head: nn.Module) -> nn.Sequential:
    parts = OrderedDict(stem=stem, stages=nn.Sequential(*stages), head=head)
    return nn.Sequential(parts)


def _flat(channels: int, classes: int) -> nn.Sequential:
    """Classify from all places of a 4 by 4 map: a face is told by where its features lie."""
    return nn.Sequential(nn.Flatten(), nn.Linear(16 * channels, classes))


def _conv(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps the size (or divides it by the stride), and batch norm."""
    padding = kernel // 2
    return (
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )
