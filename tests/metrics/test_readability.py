"""What shows in a picture though its SSIM says nothing does."""

import pytest
import torch
from torch.nn import functional as F

from anamorph.metrics.readability import _RIDGES, _fitted, block_correlation, blocks, probe_r2


def _noise(seed: int, n: int = 1, side: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, side, side, generator=generator)


def test_fine_noise_does_not_hide_light_and_shade() -> None:
    shade = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert block_correlation(shade, 0.5 * shade + 0.5 * _noise(0)).item() > 0.95
    assert block_correlation(shade, -shade).item() == pytest.approx(-1, abs=1e-5)


def test_unrelated_pictures_have_chance_level() -> None:
    r = block_correlation(_noise(1, 200), _noise(2, 200))
    assert r.std().item() == pytest.approx(blocks(_noise(1)) ** -0.5, rel=0.25)
    assert abs(r.mean().item()) < 0.03


def test_a_picture_without_contrast_correlates_with_nothing() -> None:
    assert block_correlation(torch.full((1, 3, 16, 16), 0.5), _noise(3, side=16)).item() == 0


def test_grey_is_its_own_luminance() -> None:
    grey = _noise(4)[:, :1]
    assert block_correlation(grey, grey.expand(-1, 3, -1, -1)).item() == pytest.approx(1, abs=1e-5)


def test_only_whole_blocks_count() -> None:
    assert blocks(torch.zeros(1, 3, 23, 17)) == 4


def _shades(seed: int, n: int) -> torch.Tensor:
    """Pictures of a few soft spots of light each."""
    return F.interpolate(_noise(seed, n, side=4), size=32, mode="bilinear")


def test_a_probe_reads_what_a_linear_map_hides() -> None:
    originals, unseen = _shades(0, 60), _shades(1, 20)
    order = torch.randperm(3 * 32 * 32, generator=torch.Generator().manual_seed(2))

    def mixed(images: torch.Tensor) -> torch.Tensor:
        return 1 - images.flatten(1)[:, order].view_as(images)

    assert block_correlation(mixed(unseen), unseen).abs().mean() < 0.5
    assert probe_r2(mixed(originals), originals, mixed(unseen), unseen) > 0.99


def test_a_probe_finds_nothing_in_noise_and_does_not_pretend_to() -> None:
    found = probe_r2(_noise(5, 60, 32), _shades(0, 60), _noise(6, 40, 32), _shades(1, 40))
    assert -0.1 < found < 0.02


def test_a_probe_finds_light_and_shade_beneath_strong_noise() -> None:
    known, unseen = _shades(0, 80), _shades(1, 40)
    veiled = 0.2 * known + 0.8 * _noise(5, 80, 32)
    unseen_veiled = 0.2 * unseen + 0.8 * _noise(6, 40, 32)
    assert probe_r2(veiled, known, unseen_veiled, unseen) > 0.1


@pytest.mark.parametrize("n", [40, 150])
def test_a_probe_chooses_the_ridge_that_does_best_on_rows_that_were_left_out(n: int) -> None:
    known = _shades(0, n)
    veiled = 0.3 * known + 0.7 * _noise(5, n, 32)
    x, y = veiled.flatten(1).double(), F.adaptive_avg_pool2d(known, 28).mean(1).flatten(1).double()
    center = x.mean(0)
    found = _fitted(x, y - y.mean(0), x)
    scale = float((x - center).square().sum(1).mean())
    errors = [_left_out(x, y, share * scale) for share in _RIDGES]
    assert found.left_out_error == pytest.approx(min(errors), rel=1e-4)


def _left_out(x: torch.Tensor, y: torch.Tensor, ridge: float) -> float:
    """The squared error of ridge regressions that each were fitted without one row."""
    missed = 0.0
    for row in range(len(x)):
        rest = torch.arange(len(x)) != row
        center, mean = x[rest].mean(0), y[rest].mean(0)
        known = x[rest] - center
        products = known @ known.T + ridge * torch.eye(len(known), dtype=x.dtype)
        weights = torch.linalg.solve(products, y[rest] - mean)
        guess = mean + (x[row] - center) @ known.T @ weights
        missed += float((y[row] - guess).square().sum())
    return missed


def test_a_probe_may_see_grey_and_originals_of_another_size() -> None:
    known, unseen = _shades(0, 40), _shades(1, 10)
    small = F.avg_pool2d(known, 2)[:, :1], F.avg_pool2d(unseen, 2)[:, :1]
    assert probe_r2(known[:, :1], small[0], unseen[:, :1], small[1]) > 0.99
