"""Adversarial features where the answer is known."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.errors import ParameterError, UsageError
from anamorph.methods.advface import (
    PRESETS,
    AdvFace,
    Shadow,
    advface,
    structure,
    windows,
)
from anamorph.methods.spread import Spread
from anamorph.metrics.image import ssim
from anamorph.optimize.engine import solve

ONE = torch.ones(3, 1, 1, dtype=torch.float64)
DEVIATION = torch.tensor([0.2, 0.1, 0.0], dtype=torch.float64).view(3, 1, 1)
SPREAD = Spread(deviation=DEVIATION, low=0 * ONE, high=ONE)
ERROR = AdvFace(epsilon=0.5, steps=10, structure_weight=0)


def features(n: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.3 + 0.4 * torch.rand(n, 3, 12, 10, generator=generator, dtype=torch.float64)


def shows(z: Tensor) -> Tensor:
    """A shadow that sees the feature itself."""
    return z


def records(z: Tensor, p: AdvFace, pictures: Tensor | None = None) -> Tensor:
    problem = advface([shows], z, SPREAD, list(range(len(z))), p, pictures)
    return torch.stack([s.value for s in solve(problem)])


def test_a_shadow_that_sees_all_drives_every_value_to_the_edge_of_its_channels_ball() -> None:
    z = features()
    change = (records(z, ERROR) - z).abs()
    assert_close(change[:, 0], torch.full_like(change[:, 0], 0.5 * 0.2))
    assert_close(change[:, 1], torch.full_like(change[:, 1], 0.5 * 0.1))


def test_dead_channels_are_not_moved() -> None:
    z = features()
    assert torch.equal(records(z, AdvFace())[:, 2], z[:, 2])


def test_records_stay_in_the_clean_range_as_far_as_the_features_do() -> None:
    z = features()
    z[0, 0, 0, 0], z[0, 0, 0, 1] = 1.4, 0.0
    record = records(z, AdvFace(epsilon=5))
    assert record.amin() >= 0
    assert record[0, 0, 0, 0] <= 1.4
    record[0, 0, 0, 0] = 0
    assert record.amax() <= 1


def test_without_a_random_start_the_shadows_own_picture_gives_no_gradient() -> None:
    z = features()
    problem = advface([shows], z, SPREAD, [0, 1], ERROR)
    unmoved = z.clone().requires_grad_()
    terms = problem.objective(unmoved, problem.context)
    (gradient,) = torch.autograd.grad(terms.total.sum(), unmoved)
    assert not gradient.any()
    assert (problem.start != z)[:, :2].all()


def test_the_picture_is_the_target_where_it_is_asked_for_and_given() -> None:
    z, black = features(), torch.zeros(2, 3, 12, 10, dtype=torch.float64)
    away = records(z, replace(ERROR, target="picture"), pictures=black)
    assert_close((away - z)[:, 0], torch.full_like(z[:, 0], 0.1))


def test_the_published_start_is_the_feature_of_the_shadows_picture() -> None:
    z = features()

    def darker(images: Tensor) -> Tensor:
        return images - 0.05

    p = AdvFace(epsilon=0.5, start="shadow")
    problem = advface([shows], z, SPREAD, [0, 1], p, encoder=darker)
    begins = problem.start - z
    assert_close(begins[:, :2], torch.full_like(z[:, :2], -0.05))
    assert not begins[:, 2].any()


def test_several_shadows_count_alike() -> None:
    z = features()
    both = advface([shows, lambda f: 1 - 2 * f], z, SPREAD, [0, 1], ERROR)
    each = [advface([s], z, SPREAD, [0, 1], ERROR) for s in (shows, lambda f: 1 - 2 * f)]
    wanted = sum(one.objective(one.start, one.context).total for one in each) / 2
    assert_close(both.objective(both.start, both.context).total, wanted)


def test_structure_ranks_pictures_as_ssim_does() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(1, 3, 32, 32, generator=generator)
    noise = torch.rand(1, 3, 32, 32, generator=generator)
    found = [structure(x, windows(x + k * (noise - x))).item() for k in (0.0, 0.2, 0.5, 1.0)]
    assert found == sorted(found, reverse=True)
    assert abs(found[-1] - ssim(x, noise).item()) < 0.1


def test_presets_are_named_and_values_outside_their_range_refused() -> None:
    assert PRESETS["fast"] == AdvFace()
    with pytest.raises(ParameterError, match="epsilon"):
        AdvFace(epsilon=0)
    with pytest.raises(ParameterError, match="target"):
        AdvFace(target="mirror")
    with pytest.raises(ParameterError, match="nothing to maximize"):
        AdvFace(error_weight=0, structure_weight=0)


@pytest.mark.parametrize(
    ("shadows", "p", "said"),
    [
        ([], AdvFace(), "no shadows"),
        ([shows], AdvFace(target="picture"), "none is given"),
        ([shows], AdvFace(start="shadow"), "no encoder"),
    ],
)
def test_what_is_missing_is_asked_for(shadows: list[Shadow], p: AdvFace, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        advface(shadows, features(), SPREAD, [0, 1], p)
