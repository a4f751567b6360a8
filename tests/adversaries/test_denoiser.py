"""The learned denoiser: its size, its files, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anamorph.adversaries.denoiser import Denoiser, load, purifying
from anamorph.errors import WeightsError


class Darker(nn.Module):
    """Takes a fixed amount off."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images - self.by


def test_it_is_small() -> None:
    assert sum(weight.numel() for weight in Denoiser().parameters()) <= 60_000


def test_a_network_that_finds_no_noise_changes_nothing() -> None:
    network = Denoiser()
    for weight in network.parameters():
        nn.init.zeros_(weight)
    x = torch.linspace(0, 1, 3 * 20).view(1, 3, 4, 5)
    assert torch.equal(network(x), x)


def test_what_a_network_makes_is_rounded_to_levels_and_kept_in_range() -> None:
    pixels = np.array([[[0, 10, 255]]], np.uint8)
    assert purifying(Darker(10.4 / 255))(pixels).tolist() == [[[0, 0, 245]]]
    assert purifying(Darker(-10.4 / 255))(pixels).tolist() == [[[10, 20, 255]]]


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    network = Denoiser()
    file = tmp_path / "weights.safetensors"
    save_file(network.state_dict(), file)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3)).astype(np.uint8)
    assert np.array_equal(load(file)(pixels), purifying(network)(pixels))


def test_weights_of_another_network_are_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, file)
    with pytest.raises(WeightsError, match=r"train one with zoo/train_denoiser\.py"):
        load(file)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "text.safetensors"
    file.write_text("no tensors here")
    with pytest.raises(WeightsError, match=r"text\.safetensors: cannot be read as safetensors"):
        load(file)
