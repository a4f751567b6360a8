"""What thieves do with records before they decode them, and the noise they are compared with."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.adversaries.reconstruct import (
    CLEANINGS,
    LAWS,
    inverted,
    likeness,
    noise_like,
)
from anamorph.losses import cosine
from anamorph.methods.inversion import Inversion
from anamorph.methods.spread import Spread

DEVIATION = torch.tensor([1.0, 2.0, 0.0]).view(3, 1, 1)
SPREAD = Spread(DEVIATION, torch.tensor([0.0, -1.0, 0.5]).view(3, 1, 1), torch.ones(3, 1, 1))


def records(n: int = 4) -> Tensor:
    return torch.randn(n, 3, 9, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", CLEANINGS)
def test_every_cleaning_keeps_shape_and_input_and_works_alone(name: str) -> None:
    z = records()
    before = z.clone()
    cleaned = CLEANINGS[name](z, SPREAD)
    assert cleaned.shape == z.shape
    assert torch.equal(z, before)
    assert_close(CLEANINGS[name](z[1:2], SPREAD), cleaned[1:2])


def test_clipping_undoes_what_no_clean_feature_has() -> None:
    cleaned = CLEANINGS["clip"](records(), SPREAD)
    assert cleaned[:, 0].amin() >= 0
    assert cleaned[:, 1].amin() >= -1
    assert cleaned.amax() <= 1
    assert (cleaned[:, 2] == 0.5).all()


@pytest.mark.parametrize("name", ["blur", "median"])
def test_smoothing_keeps_what_is_even_and_takes_off_a_spike(name: str) -> None:
    even = torch.full((1, 3, 9, 7), 0.7)
    assert_close(CLEANINGS[name](even, SPREAD), even)
    spike = even.clone()
    spike[0, 0, 4, 3] = 9
    assert (CLEANINGS[name](spike, SPREAD) - even).amax() < 4


@pytest.mark.parametrize("law", LAWS)
def test_control_noise_has_the_norm_of_the_change_and_spares_dead_channels(law: str) -> None:
    change = records()
    noise = noise_like(change, SPREAD, law, [1, 2, 3, 4])
    assert_close(noise.flatten(1).norm(dim=1), change.flatten(1).norm(dim=1))
    assert not noise[:, 2].any()
    assert noise[:, 1].std() > 1.5 * noise[:, 0].std()
    assert torch.equal(noise_like(change[2:3], SPREAD, law, [3]), noise[2:3])


def test_the_laws_differ_in_their_tails() -> None:
    def kurtosis(law: str) -> float:
        drawn = LAWS[law]((20000,), [0])
        return float((drawn**4).mean() / (drawn**2).mean() ** 2)

    assert abs(kurtosis("sign") - 1) < 1e-6
    assert abs(kurtosis("gaussian") - 3) < 0.3
    assert kurtosis("laplace") > 4.5


def test_inversion_finds_a_picture_with_the_embedding() -> None:
    weight = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))

    def read(images: Tensor) -> Tensor:
        return (images.mean((2, 3)) - 0.5) @ weight.T

    wanted = read(torch.tensor([0.9, 0.2, 0.4]).view(1, 3, 1, 1).expand(2, 3, 8, 8))
    guess = inverted(read, wanted, (8, 8), Inversion(steps=30))
    assert cosine(read(guess), wanted).min() > 0.99


def test_likeness_is_best_for_the_original_itself() -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    own = likeness(x, x, lambda images: images.flatten(1))
    other = likeness(x.flip(0) + 0.3, x, lambda images: images.flatten(1))
    assert_close(own.ssim, torch.ones(2))
    assert_close(own.identity, torch.ones(2))
    assert (other.ssim < own.ssim).all()
    assert (other.identity < own.identity).all()
