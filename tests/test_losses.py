"""Per-sample losses in closed form."""

import math

import pytest
import torch
from torch.testing import assert_close

from anamorph.losses import kl_divergence, window_variance


def test_divergence_is_the_sum_over_classes() -> None:
    wanted = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    seen = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log() + 3
    expected = [
        0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1),
        0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5),
    ]
    assert kl_divergence(seen, wanted).tolist() == pytest.approx(expected, abs=1e-6)


def test_window_variance_is_that_of_all_window_sums() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 7, 6, generator=generator, dtype=torch.float64)
    sums = images.unfold(2, 4, 1).unfold(3, 4, 1).sum((4, 5))
    expected = torch.stack([sum(channel.var() for channel in image) for image in sums])
    assert_close(window_variance(images), expected)


def test_window_variance_of_a_picture_does_not_depend_on_its_neighbors() -> None:
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert_close(window_variance(images)[1], window_variance(images[1:2])[0])


def test_a_fine_checkerboard_varies_less_than_two_halves() -> None:
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2
    halves = (torch.arange(8) >= 4).expand(8, 8)
    both = torch.stack((board, halves)).float()[:, None].expand(2, 3, 8, 8)
    fine, coarse = window_variance(both).tolist()
    assert fine == pytest.approx(0, abs=1e-9)
    assert coarse > 1
