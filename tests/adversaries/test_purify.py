"""What the purifiers take off and what they leave, beside scikit-image where it does the same."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from anamorph.adversaries.denoiser import Denoiser
from anamorph.adversaries.purify import (
    PURIFIERS,
    SIGMA,
    Purifier,
    non_local_means,
    purifier,
    tv_chambolle,
    wavelet_shrinkage,
)
from anamorph.errors import UsageError, WeightsError

Pixels = NDArray[np.uint8]
Crop = Callable[..., Pixels]

every_purifier = pytest.mark.parametrize("purify", PURIFIERS.values(), ids=PURIFIERS.keys())


def noisy(pixels: Pixels, seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, 255 * SIGMA, pixels.shape)
    return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)


def planes(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)


def psnr(a: Pixels, b: Pixels) -> float:
    return -10 * math.log10(np.square(a.astype(float) - b).mean() / 255**2)


@every_purifier
def test_a_picture_without_detail_stays_as_it_is(purify: Purifier) -> None:
    flat = np.empty((17, 22, 3), np.uint8)
    flat[:] = (200, 137, 3)
    assert np.array_equal(purify(flat), flat)


@every_purifier
def test_noise_on_a_flat_picture_loses_most_of_its_variance(purify: Purifier) -> None:
    grainy = noisy(np.full((48, 64, 3), 128, np.uint8))
    assert purify(grainy).var() < 0.2 * grainy.var()


@every_purifier
def test_a_noisy_photo_comes_nearer_to_the_original(purify: Purifier, crop: Crop) -> None:
    photo = crop("chelsea", 96, 96)
    grainy = noisy(photo)
    assert psnr(purify(grainy), photo) > psnr(grainy, photo) + 2


@every_purifier
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 2), (33, 47)])
def test_size_and_type_are_kept_and_the_input_untouched(
    purify: Purifier, shape: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    before = pixels.copy()
    clean = purify(pixels)
    assert clean.shape == pixels.shape
    assert clean.dtype == np.uint8
    assert np.array_equal(pixels, before)


@every_purifier
def test_the_same_picture_gives_the_same_result(purify: Purifier, crop: Crop) -> None:
    photo = noisy(crop("coffee"))
    photo.setflags(write=False)
    assert np.array_equal(purify(photo), purify(photo))


@every_purifier
def test_a_mirrored_picture_gives_the_mirrored_result(purify: Purifier, crop: Crop) -> None:
    photo = noisy(crop("rocket", 48, 48))
    mirrored = purify(photo[:, ::-1])[:, ::-1].astype(int)
    assert np.abs(mirrored - purify(photo)).mean() < 2.5  # grids of wavelets fall otherwise


def test_total_variation_is_that_of_scikit_image(crop: Crop) -> None:
    from skimage.restoration import denoise_tv_chambolle

    photo = noisy(crop("astronaut", 40, 50))
    own = tv_chambolle(planes(photo), weight=0.1, rounds=30).permute(1, 2, 0).numpy()
    wanted = denoise_tv_chambolle(
        photo / np.float32(255), weight=0.1, eps=0, max_num_iter=31, channel_axis=2
    )
    assert np.abs(own - wanted).max() < 1e-4


def test_non_local_means_is_that_of_scikit_image_but_for_its_gaussian_patches(crop: Crop) -> None:
    from skimage.restoration import denoise_nl_means

    photo = noisy(crop("astronaut", 40, 50))
    own = non_local_means(planes(photo), sigma=0.0, h=0.08).permute(1, 2, 0).numpy()
    wanted = denoise_nl_means(
        photo / np.float32(255), 5, 6, h=0.08, fast_mode=False, channel_axis=2
    )
    moved = np.abs(wanted - photo / 255).mean()
    assert np.abs(own - wanted).mean() < 0.2 * moved


def test_wavelet_shrinkage_is_as_good_as_that_of_scikit_image(crop: Crop) -> None:
    pytest.importorskip("pywt")
    from skimage.restoration import denoise_wavelet

    photo = crop("astronaut", 64, 64)
    grainy = noisy(photo)
    own = wavelet_shrinkage(planes(grainy), SIGMA, shifts=1).permute(1, 2, 0).numpy() * 255
    other = denoise_wavelet(
        grainy / np.float32(255), sigma=SIGMA, wavelet="db2", wavelet_levels=4, channel_axis=2
    )
    assert abs(psnr(own, photo) - psnr(other * 255, photo)) < 0.3


def test_wavelets_without_noise_to_look_for_give_the_picture_back(crop: Crop) -> None:
    x = planes(crop("coffee", 21, 30))
    torch.testing.assert_close(wavelet_shrinkage(x, 0.0), x, rtol=0, atol=1e-5)


def test_shifting_the_grid_of_wavelets_helps(crop: Crop) -> None:
    photo = crop("chelsea", 64, 64)
    x = planes(noisy(photo))
    errors = [
        (wavelet_shrinkage(x, SIGMA, shifts) - planes(photo)).square().mean() for shifts in (1, 3)
    ]
    assert errors[1] < errors[0]


def test_more_weight_gives_less_total_variation(crop: Crop) -> None:
    x = planes(crop("astronaut", 40, 50))
    variation = [tv_chambolle(x, w).diff(dim=2).abs().sum() for w in (0.01, 0.05, 0.2)]
    assert variation[0] > variation[1] > variation[2]


def test_a_purifier_is_found_by_its_name() -> None:
    assert purifier("tv") is PURIFIERS["tv"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="choose nlm, tv, wavelet or learned:FILE"):
        purifier("soap")


def test_a_learned_one_is_loaded_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    state = {name: torch.zeros_like(w) for name, w in Denoiser().state_dict().items()}
    save_file(state, file)
    pixels = noisy(np.full((9, 12, 3), 90, np.uint8))
    assert np.array_equal(purifier(f"learned:{file}")(pixels), pixels)  # it takes nothing off


def test_a_learned_one_without_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"missing\.safetensors: cannot be read"):
        purifier(f"learned:{tmp_path}/missing.safetensors")
