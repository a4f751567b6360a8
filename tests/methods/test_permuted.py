"""Permuted hiding on photos: what the key gives back, and what it costs."""

import pytest
import torch
from skimage.data import astronaut, coffee
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from anamorph.errors import ParameterError
from anamorph.methods.denoising import noise_level
from anamorph.methods.keeping import KeepDirection
from anamorph.methods.permuted import (
    LARGEST_NOISE,
    PRESETS,
    Permuted,
    denoise,
    permuted,
)
from anamorph.metrics.image import psnr, ssim
from anamorph.optimize.engine import solve

TARGET = torch.tensor([[1.0, -1.0, 0.5], [-1.0, 0.2, 1.0]])


def photos() -> Tensor:
    crops = [torch.from_numpy(p.copy()) for p in (astronaut()[:112, 160:272], coffee()[:112, :112])]
    return torch.stack(crops).permute(0, 3, 1, 2).float() / 255


def order(seed: int, images: Tensor) -> Tensor:
    return torch.randperm(images[0].numel(), generator=torch.Generator().manual_seed(seed))


def shuffle(images: Tensor, seed: int) -> Tensor:
    return images.flatten(1)[:, order(seed, images)].view_as(images)


def restore(images: Tensor, seed: int) -> Tensor:
    return images.flatten(1)[:, order(seed, images).argsort()].view_as(images)


def embed(images: Tensor) -> Tensor:
    """An embedding of three numbers: in each channel, how the light tilts to the right."""
    return (images * torch.linspace(-1, 1, images.shape[-1])).mean((2, 3))


@pytest.fixture(scope="module")
def hidden() -> Tensor:
    s = shuffle(photos(), seed=1)
    found = solve(permuted(embed, s, TARGET, KeepDirection(0.9), Permuted(steps=20)))
    assert all(one.passes for one in found)
    return torch.stack([one.value for one in found]).mul(255).round().div(255)


def test_the_service_model_reads_the_target_in_the_file(hidden: Tensor) -> None:
    assert (torch.cosine_similarity(embed(hidden), TARGET) >= 0.9).all()


def test_the_change_is_within_its_root_mean_square(hidden: Tensor) -> None:
    change = (hidden - shuffle(photos(), seed=1)).square().flatten(1).mean(1).sqrt()
    assert (change <= Permuted().epsilon + 0.5 / 255).all()


def test_the_key_gives_the_photo_back(hidden: Tensor) -> None:
    x, back = photos(), restore(hidden, seed=1)
    assert (psnr(denoise(back), x) > psnr(back, x) + 3).all()
    assert (psnr(denoise(back), x) >= 26).all()
    assert (ssim(denoise(back), x) >= 0.8).all()


def test_another_key_gives_noise_that_is_left_as_noise(hidden: Tensor) -> None:
    back = restore(hidden, seed=2)
    assert (noise_level(back) > LARGEST_NOISE).all()
    assert (ssim(denoise(back), photos()) <= 0.1).all()


def test_the_hidden_picture_does_not_show_the_photo(hidden: Tensor) -> None:
    assert (ssim(hidden, photos()) <= 0.05).all()


def test_light_and_shade_stay_those_of_the_permuted_photo() -> None:
    s = shuffle(photos(), seed=3)
    keeping = KeepDirection(0.9)
    found = solve(permuted(embed, s, TARGET, keeping, Permuted(steps=20, block=8)))
    change = torch.stack([one.value for one in found]) - s
    assert F.avg_pool2d(change, 8).abs().mean() < 0.2 * change.abs().mean()


def test_where_nothing_need_change_nothing_does() -> None:
    s = shuffle(photos(), seed=1)
    p = Permuted(enough=0.01)
    for row, found in enumerate(solve(permuted(embed, s, embed(s), KeepDirection(0.9), p))):
        assert_close(found.value, s[row])
        assert found.steps == 1


def test_a_given_strength_is_used(hidden: Tensor) -> None:
    back = restore(hidden, seed=1)
    nearly_off = denoise(back, torch.full((2,), 1e-4))
    assert_close(nearly_off, back, rtol=0, atol=1e-3)


def test_the_fast_preset_takes_half_the_time() -> None:
    assert PRESETS["full"] == Permuted()
    assert PRESETS["full"].steps <= 100
    assert PRESETS["fast"].steps <= 50


@pytest.mark.parametrize(("name", "value"), [("epsilon", 0), ("steps", 0), ("block", 0)])
def test_a_parameter_outside_its_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=name):
        Permuted(**{name: value})  # type: ignore[arg-type]
