"""Image metrics against an independent implementation."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut, coffee
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from anamorph.metrics.image import largest_change, psnr, ssim


def noisy(picture: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, amount, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].double() / 255


@pytest.mark.parametrize("amount", [2, 10, 40])
@pytest.mark.parametrize("picture", [astronaut()[100:220, 150:260], coffee()[:90, :75]])
def test_psnr_and_ssim_agree_with_scikit_image(picture: np.ndarray, amount: float) -> None:
    other = noisy(picture, amount)
    a, b = tensor(picture), tensor(other)
    assert psnr(a, b).item() == pytest.approx(peak_signal_noise_ratio(picture, other), abs=1e-6)
    _, full = structural_similarity(
        picture,
        other,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    assert ssim(a, b).item() == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-6)


def test_metrics_are_of_each_picture_alone() -> None:
    a = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    b = a.clone()
    b[1] += 0.1
    assert psnr(a, b)[0].isinf()
    assert psnr(a, b)[1].item() == pytest.approx(20, abs=1e-3)
    assert largest_change(a, b).tolist() == pytest.approx([0, 25.5, 0], abs=1e-3)
    assert ssim(a, b)[2].item() == pytest.approx(1)


def test_ssim_is_the_same_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    a = torch.rand(2, 3, 61, 40, generator=torch.Generator().manual_seed(4))
    b = (a + 0.1).clamp(max=1)
    at_once = ssim(a, b)
    monkeypatch.setattr("anamorph.metrics.image.STRIP_WINDOWS", 7 * 40)
    assert torch.allclose(ssim(a, b), at_once, atol=1e-6)


@pytest.mark.parametrize("side", [1, 2, 5, 10])
def test_ssim_of_tiny_pictures_uses_a_window_that_fits(side: int) -> None:
    a = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    assert ssim(a, a).item() == pytest.approx(1)
    assert ssim(a, torch.zeros_like(a)).item() < 0.9
