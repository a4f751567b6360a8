"""Models for measuring speed and memory, which need no weights that mean anything."""

import torch
from torch import Tensor, nn

from anamorph.models import Model, wrap
from anamorph.models.torchvision_compat import make_torchvision_importable

SIZE = (224, 224)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def drawn(name: str) -> nn.Module:
    """A network of torchvision's with random weights, the same every time, in eval mode.

    Parameters require gradients and tensors are contiguous, as a user has them.
    """
    make_torchvision_importable()
    from torchvision import models

    network: nn.Module = models.get_model(name, weights=None)
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=generator)
    return network.eval()


def model_of(name: str, layer: str, size: tuple[int, int] = SIZE) -> Model:
    """The same network as a model of the library, tapped at a layer."""
    return wrap(drawn(name), name=name, size=size, mean=MEAN, std=STD, tap=(layer,))


def resnet18_model(size: tuple[int, int] = SIZE) -> Model:
    """ResNet-18, tapped where feature maps have an eighth of the picture's sides."""
    return model_of("resnet18", "layer2", size)


class Normalized(nn.Module):
    """A network that takes pixels in [0, 1], which is what attack libraries ask for."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Class logits (n, k) of pictures (n, 3, h, w)."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits
