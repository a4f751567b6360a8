"""A network that a card names as code: 205 weights, and as slow as one wants."""

import time

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """A convolution and a linear layer; waits `pause` seconds in every forward pass."""

    def __init__(self, pause: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.pause = pause
        self.early = nn.Conv2d(3, 4, 3, stride=2, bias=False)
        self.head = nn.Linear(4 * 7 * 7, 3, bias=False)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of three classes, for pictures of 16 x 16 pixels."""
        time.sleep(self.pause)
        logits: Tensor = self.head(torch.relu(self.early(x)).flatten(1))
        return logits


def make(pause: float = 0.0) -> Network:
    """What the card names."""
    return Network(pause)
