"""A denoiser that was trained: a small residual network, its weights in a file of the user's.

    clean = x - R(x),  R: seven 3x3 convolutions, as DnCNN (Zhang et al. 2017) without batch norms

None comes with the package. `zoo/train_denoiser.py` trains one on pairs of pictures: protected and
clean for an attacker who knows the protection, noisy and clean for one who does not.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anamorph.errors import WeightsError

Pixels: TypeAlias = NDArray[np.uint8]
"""A decoded color picture, (h, w, 3)."""

CHANNELS = 32
MIDDLE = 5
"""Convolutions between the first and the last."""


class Denoiser(nn.Module):
    """Takes off what it holds for noise: (n, 3, h, w) to (n, 3, h, w), values in [0, 1].

    Example:
        >>> sum(weight.numel() for weight in Denoiser().parameters())
        48003
    """

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *[CHANNELS] * (MIDDLE + 1)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        self.noise = nn.Sequential(*layers, nn.Conv2d(CHANNELS, 3, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """The pictures without it."""
        out: Tensor = images - self.noise(images)
        return out


def load(path: Path) -> Callable[[Pixels], Pixels]:
    """The purifier with the weights of a `.safetensors` file.

    Raises:
        WeightsError: the file is missing, damaged, or not of this network.
    """
    with torch.device("meta"):  # no random start, which the weights would only replace
        network = Denoiser()
    try:
        network.load_state_dict(load_file(path), assign=True)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors: {error}") from None
    except RuntimeError as error:
        why = str(error).splitlines()[-1].strip()
        raise WeightsError(
            f"{path}: does not fit the denoiser ({why}); train one with zoo/train_denoiser.py"
        ) from None
    return purifying(network)


def purifying(network: nn.Module) -> Callable[[Pixels], Pixels]:
    """Any network from pictures to cleaner ones, as a purifier.

    Args:
        network: (n, 3, h, w) to (n, 3, h, w), values in [0, 1]; in eval mode.
    """

    def purify(pixels: Pixels) -> Pixels:
        images = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)).div_(255)
        with torch.no_grad():
            clean = network(images)[0].mul(255).round_().clamp_(0, 255)
        return np.ascontiguousarray(clean.numpy().transpose(1, 2, 0)).astype(np.uint8)

    return purify
