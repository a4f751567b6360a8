"""Key networks: small generators that turn pictures into pictures of the same size.

    cells of 4x4 pixels -> conv -> block -> conv to a code of 16 numbers a cell
                        -> conv -> block -> conv -> cells of 4x4 pixels

All convolutions are 3x3. The code is a third of what a cell holds: what it cannot express never
reaches the revealed picture, and hidden pictures are free where it does not look. Nothing depends
on chance or on the other pictures of a batch (AVIH's own, a pix2pix generator, has dropout and
batch norm), and pictures may have any size.
"""

from collections.abc import Mapping

import numpy as np
import torch
from safetensors.torch import load as parse
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.errors import WeightsError
from anamorph.types import Images

CELL = 4
WIDTH = 64
CODE = 16

LARGEST_FILE = 4 * 2**20
"""Bytes of weights that are looked at: four times what a network has in float32."""

_VALUES = 3 * CELL**2
_QUIET = {
    "read.block.second.weight": 0.1,
    "write.block.second.weight": 0.1,
    "write.outward.weight": 0.3,
}
"""Weights that start smaller than the others: the network then begins almost linear."""


class Block(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        out: Tensor = x + self.second(F.relu(self.first(F.relu(x))))
        return out


class Half(nn.Module):
    """conv -> block -> relu -> conv."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inward = _conv(inputs, WIDTH)
        self.block = Block(WIDTH)
        self.outward = _conv(WIDTH, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The same height and width."""
        out: Tensor = self.outward(F.relu(self.block(self.inward(x))))
        return out


class Generator(nn.Module):
    """Pictures (n, 3, h, w) to pictures; values may leave [0, 1] a little."""

    def __init__(self) -> None:
        super().__init__()
        self.read = Half(_VALUES, CODE)
        self.write = Half(CODE, _VALUES)

    def forward(self, images: Images) -> Images:
        """What the network makes of each; a border that fills no cell is repeated and cut off."""
        height, width = images.shape[-2:]
        whole = F.pad(images, (0, -width % CELL, 0, -height % CELL), mode="replicate")
        code = self.read(F.pixel_unshuffle(whole - 0.5, CELL))
        out = F.pixel_shuffle(self.write(code), CELL) + 0.5
        return out[..., :height, :width]


def fresh(chance: np.random.Generator) -> Generator:
    """A network whose weights are drawn from `chance` alone, in training mode."""
    with torch.device("meta"):
        network = Generator()
    state = {
        name: _drawn(tensor.shape, chance) * _QUIET.get(name, 1.0)
        for name, tensor in network.state_dict().items()
    }
    network.load_state_dict(state, assign=True)
    return network.requires_grad_()


def dump(network: nn.Module) -> bytes:
    """The weights in half precision, as the bytes of a safetensors file."""
    return save({name: t.detach().cpu().half() for name, t in network.state_dict().items()})


def load(data: bytes, name: str) -> Generator:
    """The network of these weights: in float32, eval mode, and not to be trained.

    Args:
        data: what `dump` made.
        name: what errors call it.

    Raises:
        WeightsError: damaged, of another network, or with weights that are no finite numbers.
    """
    if len(data) > LARGEST_FILE:
        raise WeightsError(
            f"{name}: has {len(data):,} bytes of weights, but a key network has at most "
            f"{LARGEST_FILE:,}; use a key that `anamorph train key` made"
        )
    with torch.device("meta"):
        network = Generator()
    state = tensors(data, name)
    wanted = network.state_dict()
    if _shapes(state) != _shapes(wanted):
        raise WeightsError(
            f"{name}: holds the weights of another network; use a key that `anamorph train key` "
            "made"
        )
    if not all(t.is_floating_point() and bool(t.isfinite().all()) for t in state.values()):
        raise WeightsError(f"{name}: holds weights that are no numbers; restore it from a copy")
    network.load_state_dict({key: t.float() for key, t in state.items()}, assign=True)
    return network.eval().requires_grad_(False)


def tensors(data: bytes, name: str) -> dict[str, Tensor]:
    """The named tensors in the bytes of a safetensors file.

    Raises:
        WeightsError: damaged.
    """
    try:
        return parse(data)
    except Exception as error:  # whatever damaged bytes make the parser raise
        raise WeightsError(f"{name}: holds no weights, or damaged ones; restore it") from error


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}


def _drawn(shape: torch.Size, chance: np.random.Generator) -> Tensor:
    """He's normal start for matrices, zero for vectors."""
    if len(shape) == 1:
        return torch.zeros(shape)
    deviation = (2 / shape[1:].numel()) ** 0.5
    return torch.from_numpy(chance.normal(0, deviation, tuple(shape)).astype(np.float32))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
