"""A model card whose network is Python code beside it, and the command line in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from anamorph import cli

NETWORK = """
import time

import torch


class Network(torch.nn.Module):
    def __init__(self, pause):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.pause = pause
        self.early = torch.nn.Conv2d(3, 4, 3, stride=2, bias=False)
        self.head = torch.nn.Linear(4 * 7 * 7, 3, bias=False)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        time.sleep(self.pause)
        return self.head(torch.relu(self.early(x)).flatten(1))


def make(pause=0.0):
    return Network(pause)
"""

CARD = """
name = "toy [bold]of[/bold] the tests"
source = "python:network.py:make"
options = {{ pause = {pause} }}
labels = ["ant", "bee", "cat"]
tap = ["early"]
[input]
size = [16, 16]
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
"""


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Anamorph = Callable[..., Ended]


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., Path]:
    """Writes a card; its network waits `pause` seconds in every forward pass."""

    def write(pause: float = 0.0) -> Path:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "network.py").write_text(NETWORK)
        path = folder / f"card-{pause}.toml"
        path.write_text(CARD.format(pause=pause))
        return path

    return write


@pytest.fixture
def anamorph(capfd: pytest.CaptureFixture[str]) -> Anamorph:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        return Ended(code, *capfd.readouterr())

    return run
