"""Hiding behind a key network: the terms in closed form, and a network whose inverse is known."""

import pytest
import torch
from skimage.data import astronaut, coffee
from torch import Tensor
from torch.testing import assert_close

from anamorph.errors import ParameterError
from anamorph.losses import window_variance
from anamorph.methods.avih import AVIH, PRESETS, avih
from anamorph.methods.keeping import KeepDirection
from anamorph.metrics.image import psnr
from anamorph.optimize.engine import solve
from anamorph.optimize.plateau import ShrinkingMomentum

TARGET = torch.tensor([[1.0, -1.0, 0.5], [-1.0, 0.2, 1.0]])


def photos() -> Tensor:
    crops = [torch.from_numpy(p.copy()) for p in (astronaut()[:64, 160:224], coffee()[:64, :64])]
    return torch.stack(crops).permute(0, 3, 1, 2).float() / 255


def embed(images: Tensor) -> Tensor:
    """An embedding of three numbers: in each channel, how the light tilts to the right."""
    return (images * torch.linspace(-1, 1, images.shape[-1])).mean((2, 3))


def upside_down(images: Tensor) -> Tensor:
    """A key network whose inverse is known; it leaves [0, 1] on purpose."""
    return 1.2 * images.flip(2) - 0.1


def solved(p: AVIH) -> Tensor:
    problem = avih(embed, upside_down, photos(), embed(photos()), KeepDirection(0.9), [1, 2], p)
    return torch.stack([one.value for one in solve(problem)])


def test_each_term_is_what_its_equation_says() -> None:
    p = AVIH(service_weight=3, recovery_weight=5, variance_weight=7, window=2)
    problem = avih(embed, upside_down, photos(), TARGET, KeepDirection(0.9), [1, 2], p)
    z = problem.start
    v = (z * 255).round() / 255
    terms = problem.objective(z, problem.context)
    error = (upside_down(v) - photos()).square().mean((1, 2, 3))
    assert_close(terms.parts["service"], 3 * (1 - torch.cosine_similarity(embed(v), TARGET)))
    assert_close(terms.parts["recovery"], 5 * error)
    assert_close(terms.parts["variance"], 7 * window_variance(v, 2))
    assert terms.slack is not None
    assert_close(terms.slack, 100 * (torch.cosine_similarity(embed(v), TARGET) - 0.9))


def test_the_gradient_is_that_of_the_rounded_picture() -> None:
    problem = avih(embed, upside_down, photos(), TARGET, KeepDirection(0.9), [1, 2], AVIH())
    rounded = (problem.start * 255).round() / 255
    gradients: list[Tensor] = []
    for z in (problem.start, rounded):
        z = z.clone().requires_grad_()
        total = problem.objective(z, problem.context).total.sum()
        gradients.extend(torch.autograd.grad(total, z))
    assert_close(*gradients)
    assert gradients[0].abs().max() > 0


def test_the_key_network_makes_the_photo_of_what_is_hidden() -> None:
    hidden = solved(AVIH(steps=60, variance_weight=0))
    assert (psnr(upside_down(hidden).clamp(0, 1), photos()) > 30).all()
    assert (torch.cosine_similarity(embed(hidden), embed(photos())) > 0.99).all()


def test_the_variance_term_evens_out_light_and_shade() -> None:
    even, free = solved(AVIH(steps=30, variance_weight=0.1)), solved(AVIH(steps=30))
    assert (window_variance(even) < 0.7 * window_variance(free)).all()


def test_the_paper_preset_is_the_published_one() -> None:
    p = PRESETS["paper"]
    assert (p.steps, p.momentum, p.step_size, p.patience, p.shrink) == (800, 0.3, 0.01, 16, 0.85)
    assert (p.recovery_weight, p.variance_weight, p.window) == (0.2, 0.001, 4)
    problem = avih(embed, upside_down, photos(), TARGET, KeepDirection(0.9), [1, 2], p)
    assert problem.step == ShrinkingMomentum(step_size=0.01, decay=0.3, patience=16, shrink=0.85)
    assert problem.start.min() < 0
    assert problem.start.std().item() == pytest.approx(1, abs=0.05)


def test_the_papers_squared_difference_is_a_cosine_with_another_weight() -> None:
    generator = torch.Generator().manual_seed(0)
    pair = torch.nn.functional.normalize(torch.randn(2, 512, generator=generator), dim=1)
    squared = (pair[0] - pair[1]).square().mean()
    weighted = PRESETS["paper"].service_weight * (1 - pair[0] @ pair[1])
    assert_close(squared, weighted)


def test_the_papers_rule_for_classifiers_is_faster_and_more_careful() -> None:
    p = PRESETS["paper-classifier"]
    assert (p.steps, p.step_size, p.patience, p.shrink) == (800, 0.02, 8, 0.8)
    assert (p.recovery_weight, p.variance_weight) == (2, 0.005)


def test_the_fast_preset_takes_at_most_fifty_steps() -> None:
    assert PRESETS["fast"].steps <= 50
    assert PRESETS["full"] == AVIH()


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("rule", "sgd"), ("start", "original")])
def test_a_parameter_outside_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=name):
        AVIH(**{name: value})  # type: ignore[arg-type]
