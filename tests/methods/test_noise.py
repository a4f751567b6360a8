"""Noises: their sizes, and what the first layer sees of them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from anamorph.errors import UsageError
from anamorph.methods.keeping import KeepLabel
from anamorph.methods.noise import (
    at_rest,
    gaussian_noise,
    null_space_noise,
    sign_noise,
    uniform_noise,
)
from anamorph.optimize.engine import solve

SEEDS = [3, 8, 21]


def grey(n: int = 3) -> Tensor:
    return torch.full((n, 3, 16, 12), 128 / 255, dtype=torch.float64)


def moved(x: Tensor, by: float) -> Tensor:
    """Pictures whose root mean square change is as given, in levels."""
    sign = torch.ones_like(x)
    sign[..., ::2] = -1
    return x + by / 255 * sign


def rms_levels(x: Tensor, other: Tensor) -> Tensor:
    return 255 * (x - other).square().flatten(1).mean(1).sqrt()


def half_size(x: Tensor) -> Tensor:
    """A first layer that halves the picture: it sees a quarter of all changes."""
    return F.avg_pool2d(2 * x - 1, 2)


def test_sign_noise_moves_every_value_by_epsilon_both_ways() -> None:
    change = sign_noise(grey(), 16 / 255, SEEDS) - grey()
    assert_close(change.abs(), torch.full_like(change, 16 / 255))
    assert 0.4 < (change > 0).double().mean() < 0.6


def test_noise_stays_in_range_and_on_the_levels_of_a_file() -> None:
    for x in (torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)):
        for noisy in (sign_noise(x, 0.1, [0]), gaussian_noise(x, (x - 0.1).abs(), [0])):
            assert ((noisy >= 0) & (noisy <= 1)).all()
            assert_close(noisy * 255, (noisy * 255).round(), rtol=0, atol=1e-4)


def test_gaussian_noise_has_the_size_of_what_it_is_compared_with() -> None:
    x = grey()
    like = torch.cat([moved(x[:1], 4.0), moved(x[1:2], 12.0), moved(x[2:], 9.0)])
    assert_close(
        rms_levels(gaussian_noise(x, like, SEEDS), x),
        torch.tensor([4.0, 12.0, 9.0], dtype=torch.float64),
        rtol=0.02,
        atol=0,
    )


@pytest.mark.parametrize("kind", ["sign", "gaussian", "null space"])
def test_a_picture_gets_the_same_noise_alone_and_in_a_batch(kind: str) -> None:
    x = grey()

    def noisy(rows: slice) -> Tensor:
        like = moved(x[rows], 10.0)
        if kind == "sign":
            return sign_noise(x[rows], 0.05, SEEDS[rows])
        if kind == "gaussian":
            return gaussian_noise(x[rows], like, SEEDS[rows])
        return null_space_noise(x[rows], like, half_size, SEEDS[rows])

    together = noisy(slice(None))
    assert_close(noisy(slice(1, 2)), together[1:2])
    assert not torch.equal(together[0], together[1])


def test_the_first_layer_sees_nothing_of_null_space_noise_but_its_rounding() -> None:
    x = grey()
    like = moved(x, 12.0)
    hidden = null_space_noise(x, like, half_size, SEEDS)
    plain = gaussian_noise(x, like, SEEDS)
    assert_close(rms_levels(hidden, x), rms_levels(plain, x), rtol=0.02, atol=0)
    rounding = 2 * 0.5 / 255  # what half a level can move the layer by
    assert (half_size(hidden) - half_size(x)).abs().max() <= rounding
    assert (half_size(plain) - half_size(x)).abs().max() > 5 * rounding


def test_a_layer_without_a_null_space_sees_less_of_it_than_of_plain_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(16, 3, 3, 3, generator=generator, dtype=torch.float64)
    # Smooth filters, as trained ones are: they see little of what changes from pixel to pixel.
    kernel = F.conv2d(kernel.flatten(0, 1)[:, None], torch.ones(1, 1, 3, 3).double(), padding=1)

    def first(images: Tensor) -> Tensor:
        return F.conv2d(images, kernel.view(16, 3, 3, 3), padding=1)

    x = grey()
    like = moved(x, 12.0)
    responses = [
        (first(noisy) - first(x)).square().mean()
        for noisy in (
            null_space_noise(x, like, first, SEEDS, rounds=8),
            gaussian_noise(x, like, SEEDS),
        )
    ]
    assert responses[0] < 0.2 * responses[1]


def test_a_layer_behind_a_rectifier_is_refused() -> None:
    with pytest.raises(UsageError, match="give a layer before any rectifier"):
        null_space_noise(grey(), moved(grey(), 9.0), lambda x: (x - 0.5).relu(), SEEDS)


def test_uniform_noise_takes_every_level_up_to_epsilon() -> None:
    levels = ((uniform_noise(grey(), 3 / 255, SEEDS) - grey()) * 255).round().int()
    assert set(levels.flatten().tolist()) == {-3, -2, -1, 0, 1, 2, 3}


def test_noise_at_rest_ends_where_it_starts_and_tells_whether_the_reading_is_kept() -> None:
    x = grey()
    x[0, 0] += 0.2
    x[1:, 1] += 0.2
    noisy = sign_noise(x, 4 / 255, SEEDS)

    def colors(images: Tensor) -> Tensor:
        return images.mean((2, 3))

    solved = solve(at_rest(noisy, colors, KeepLabel(), torch.tensor([0, 1, 0])))
    assert torch.equal(torch.stack([s.value for s in solved]), noisy)
    assert [s.passes for s in solved] == [True, True, False]
    assert [s.steps for s in solved] == [0, 0, 0]
