"""The denoiser on photos with white noise of known size."""

import pytest
import torch
from skimage.data import astronaut, chelsea
from torch import Tensor

from anamorph.methods.denoising import denoise_dct, noise_level
from anamorph.metrics.image import psnr


def photos() -> Tensor:
    crops = [torch.from_numpy(p[20:117, 150:245].copy()) for p in (astronaut(), chelsea())]
    return torch.stack(crops).permute(0, 3, 1, 2).float() / 255


def noisy(images: Tensor, sigma: float) -> Tensor:
    return images + sigma * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("levels", "gain"), [(5, 1.0), (15, 4.0), (25, 5.5)])
def test_it_takes_out_more_the_more_noise_there_is(levels: int, gain: float) -> None:
    x, sigma = photos(), levels / 255
    y = noisy(x, sigma)
    clean = denoise_dct(y, torch.full((2,), sigma))
    assert (psnr(clean, x) > psnr(y, x) + gain).all()


@pytest.mark.parametrize("levels", [5, 15, 30])
def test_the_noise_is_found_without_knowing_the_photo(levels: int) -> None:
    found = noise_level(noisy(photos(), levels / 255)) * 255
    assert found.tolist() == pytest.approx([levels, levels], rel=0.15)


def test_a_picture_of_one_color_comes_back_exactly() -> None:
    flat = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(1, 3, 19, 30)
    assert torch.allclose(denoise_dct(flat, torch.tensor([0.1])), flat, atol=1e-5)
    assert noise_level(flat).item() == 0


def test_without_noise_the_picture_stays() -> None:
    x = photos()
    assert torch.allclose(denoise_dct(x, torch.zeros(2)), x, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 40), (7, 8), (8, 8), (9, 13)])
def test_every_size_keeps_its_shape(height: int, width: int) -> None:
    y = noisy(torch.full((1, 3, height, width), 0.5), 0.05)
    clean = denoise_dct(y, torch.tensor([0.05]))
    assert clean.shape == y.shape
    assert clean.isfinite().all()
    assert (clean - 0.5).square().mean() <= 1.001 * (y - 0.5).square().mean()


def test_each_picture_is_denoised_with_its_own_strength() -> None:
    y = noisy(photos(), 0.05)
    both = denoise_dct(y, torch.tensor([0.05, 0.0]))
    assert torch.equal(both[:1], denoise_dct(y[:1], torch.tensor([0.05])))
    assert torch.allclose(both[1], y[1].clamp(0, 1), atol=1e-4)
