"""The bars let noise through and stop what shows."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.hide.showing import correlation, likeness, most_correlation, most_likeness
from anamorph.app.images import as_images

Crop = Callable[..., NDArray[np.uint8]]


def _noise(like: Tensor, seed: int) -> Tensor:
    return torch.rand(like.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("side", [24, 48, 112])
def test_noise_that_knows_nothing_of_the_photo_passes(crop: Crop, side: int) -> None:
    photo = as_images(crop("chelsea", side, side))
    for seed in range(20):
        noise = _noise(photo, seed)
        assert likeness(photo, noise) <= most_likeness(photo)
        assert abs(correlation(photo, noise)) <= most_correlation(photo)


def test_light_and_shade_under_strong_noise_do_not_pass(crop: Crop) -> None:
    photo = as_images(crop("astronaut", 112, 112))
    shown = (0.3 * photo + 0.7 * _noise(photo, 0)).clamp(0, 1)
    assert correlation(photo, shown) > most_correlation(photo)


def test_the_bars_are_narrower_for_larger_pictures() -> None:
    small, large = torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 512, 512)
    assert most_likeness(large) == 0.04 < most_likeness(small)
    assert most_correlation(large) == 0.12 < most_correlation(small)
