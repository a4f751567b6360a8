"""The controls that are old attacks: who is pushed where."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.errors import ParameterError
from anamorph.losses import cross_entropy, margin
from anamorph.methods.controls import PGD, PRESETS, Misled, pgd_keeping
from anamorph.methods.keeping import KeepDirection, KeepLabel
from anamorph.optimize.engine import solve

SEEDS = [3, 8, 21]


def grey(n: int = 3) -> Tensor:
    return torch.full((n, 3, 16, 12), 128 / 255, dtype=torch.float64)


def colors(images: Tensor) -> Tensor:
    """A classifier of the mean color."""
    return 20 * images.mean((2, 3))


def corners(images: Tensor) -> Tensor:
    """Another classifier, of one corner's color."""
    return 20 * images[..., :4, :4].mean((2, 3))


@pytest.mark.parametrize("name", PRESETS)
def test_without_a_surrogate_the_model_is_driven_to_where_it_is_just_right(name: str) -> None:
    x = grey()
    x[:, 0] += 40 / 255
    y = torch.zeros(3, dtype=torch.long)
    before = margin(colors(x), y)
    p = replace(PRESETS[name], comfort=0.5, steps=40)
    solved = solve(pgd_keeping(colors, x, KeepLabel(), SEEDS, p))
    after = margin(colors(torch.stack([s.value for s in solved])), y)
    assert all(s.passes for s in solved)
    assert (after >= 0).all()
    assert (after < before / 2).all()


def test_a_surrogate_is_pushed_off_its_reading_while_the_authorized_model_keeps_its_own() -> None:
    x = grey()
    x[:, 0] += 10 / 255
    y = torch.zeros(3, dtype=torch.long)
    surrogate = Misled(corners, KeepLabel())
    solved = solve(pgd_keeping(colors, x, KeepLabel(), SEEDS, PGD(), None, [surrogate]))
    z = torch.stack([s.value for s in solved])
    assert (colors(z).argmax(1) == y).all()
    assert (corners(z).argmax(1) != y).all()
    assert (cross_entropy(corners(z), y) > cross_entropy(corners(x), y)).all()


def test_an_embedding_keeps_its_direction() -> None:
    x = grey() + torch.linspace(-0.2, 0.2, 12, dtype=torch.float64)

    def embed(images: Tensor) -> Tensor:
        return images.mean(2).flatten(1) - 0.4

    problem = pgd_keeping(embed, x, KeepDirection(0.9), SEEDS, PGD(comfort=1.0))
    solved = solve(problem)
    z = torch.stack([s.value for s in solved])
    cosine = F.cosine_similarity(embed(z), embed(x))
    assert (cosine >= 0.9).all()
    assert (cosine < 0.9999).all()


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match="momentum is 2, but must be"):
        PGD(momentum=2.0)
