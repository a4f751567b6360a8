"""Attackers find what a shared key gives away, and nothing where there is none."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.adversaries.hidden import (
    ATTACKERS,
    Attacker,
    Pairs,
    by_correlation,
    by_decoder,
    by_mean,
    by_ridge,
)
from anamorph.errors import UsageError
from anamorph.losses import mse

KNOWN, UNSEEN, SIDE = 120, 8, 12

QUICK: dict[str, Attacker] = {**ATTACKERS, "convolutional": partial(by_decoder, batches=3)}
"""The attackers, with a decoder that is hardly trained."""


def pictures(n: int, seed: int = 0) -> Tensor:
    """Smooth pictures: coarse random ones, enlarged."""
    coarse = np.random.default_rng(seed).random((n, 3, 4, 4), dtype=np.float32)
    return torch.nn.functional.interpolate(torch.from_numpy(coarse), size=(SIDE, SIDE))


def shuffled(images: Tensor, seeds: list[int]) -> Tensor:
    """Each picture's values in the order of its seed, half of them turned over."""
    rows = []
    for image, seed in zip(images, seeds, strict=True):
        rng = np.random.default_rng(seed)
        order = torch.from_numpy(rng.permutation(image.numel()))
        turned = torch.from_numpy(rng.random(image.numel()) < 0.5)
        moved = image.flatten()[order]
        rows.append(torch.where(turned, 1 - moved, moved).view_as(image))
    return torch.stack(rows)


def errors(attack: Attacker, hidden: Tensor, originals: Tensor) -> tuple[float, float]:
    """Mean squared error of an attacker on unseen pictures, and that of the control."""
    pairs = Pairs(hidden[:KNOWN], originals[:KNOWN])
    unseen = hidden[KNOWN:]
    wanted = originals[KNOWN:]
    return (
        mse(attack(pairs, unseen), wanted).mean().item(),
        mse(by_mean(pairs, unseen), wanted).mean().item(),
    )


@pytest.mark.parametrize("attack", [by_correlation, by_ridge])
def test_one_order_and_signs_for_all_pictures_is_undone(attack: Attacker) -> None:
    originals = pictures(KNOWN + UNSEEN)
    wrong, control = errors(attack, shuffled(originals, [7] * len(originals)), originals)
    assert wrong < 0.02 * control


def test_correlation_finds_the_order_through_noise_from_few_pairs() -> None:
    originals = pictures(40)
    noise = torch.from_numpy(np.random.default_rng(1).normal(0, 0.05, originals.shape)).float()
    hidden = shuffled(originals, [7] * 40) + noise
    pairs = Pairs(hidden[:32], originals[:32])
    wrong = mse(by_correlation(pairs, hidden[32:]), originals[32:]).mean()
    assert wrong < 0.1 * mse(by_mean(pairs, hidden[32:]), originals[32:]).mean()


def test_a_local_map_is_learned_by_the_decoder() -> None:
    originals = pictures(KNOWN + UNSEEN)
    wrong, control = errors(partial(by_decoder, batches=60), 1 - originals, originals)
    assert wrong < 0.8 * control


@pytest.mark.parametrize("name", ["correlation", "linear", "convolutional"])
def test_an_order_for_each_picture_teaches_nothing(name: str) -> None:
    originals = pictures(KNOWN + UNSEEN)
    hidden = shuffled(originals, list(range(len(originals))))
    wrong, control = errors(QUICK[name], hidden, originals)
    assert wrong > 0.9 * control


@pytest.mark.parametrize("name", list(ATTACKERS))
@pytest.mark.parametrize("size", [(12, 12), (9, 14)])
def test_guesses_are_pictures_of_the_originals_size(name: str, size: tuple[int, int]) -> None:
    some = pictures(6)[..., : size[0], :].repeat(1, 1, 1, 2)[..., : size[1]]
    guess = QUICK[name](Pairs(some[:4], some[:4]), some[4:])
    assert guess.shape == some[4:].shape
    assert guess.min() >= 0
    assert guess.max() <= 1


def test_the_decoder_answers_the_same_for_the_same_seed_whatever_the_global_generator() -> None:
    some = pictures(6)
    pairs = Pairs(some[:4], some[:4])
    torch.rand(3)
    first = by_decoder(pairs, some[4:], batches=2)
    torch.rand(5)
    assert torch.equal(by_decoder(pairs, some[4:], batches=2), first)
    assert not torch.equal(by_decoder(pairs, some[4:], batches=2, seed=1), first)


@pytest.mark.parametrize("name", list(ATTACKERS))
def test_what_are_no_pairs_is_refused(name: str) -> None:
    some = pictures(3)
    with pytest.raises(UsageError, match="3 hidden pictures and 2 originals"):
        ATTACKERS[name](Pairs(some, some[:2]), some)
    with pytest.raises(UsageError, match="no pairs"):
        ATTACKERS[name](Pairs(some[:0], some[:0]), some)


def test_correlation_with_less_effort_finds_the_picture_more_coarsely() -> None:
    originals = pictures(KNOWN + UNSEEN)
    hidden = shuffled(originals, [7] * len(originals))
    values = originals[0].numel()
    rough = partial(by_correlation, most_scores=values**2 // 4)
    wrong, control = errors(rough, hidden, originals)
    assert rough(Pairs(hidden, originals), hidden[:2]).shape == originals[:2].shape
    assert wrong < 0.5 * control


@pytest.mark.parametrize("step", [2, 3])
def test_correlation_with_less_effort_puts_what_it_finds_where_it_was(step: int) -> None:
    generator = torch.Generator().manual_seed(0)
    across, down = (torch.rand(24, 1, 1, 1, generator=generator) - 0.5 for _ in range(2))
    place = torch.linspace(-0.5, 0.5, 32)
    ramps = (0.5 + across * place + down * place[:, None]).expand(-1, 3, -1, -1)
    values = ramps[0].numel()
    guess = by_correlation(Pairs(ramps[:16], ramps[:16]), ramps[16:], values**2 // step**2)
    inner = slice(0, (32 - 1) // step * step + 1)
    assert_close(guess[..., inner, inner], ramps[16:, :, inner, inner], atol=1e-3, rtol=0)
