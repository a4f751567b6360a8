"""Feature inversion finds what a model's reading tells, and nothing it does not."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.errors import ParameterError
from anamorph.losses import cosine
from anamorph.methods.inversion import Inversion, inversion, total_variation
from anamorph.methods.keeping import KeepDirection
from anamorph.optimize.engine import solve
from anamorph.types import Images

SIDE = 16


def coarse(images: Images) -> Tensor:
    """A model that sees 4 x 4 blocks in color, and reads grey as something too."""
    return F.adaptive_avg_pool2d(images - 0.3, 4).flatten(1)


def photos() -> Images:
    blocks = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    return F.interpolate(blocks, scale_factor=4)


def solved(p: Inversion, target: Tensor) -> Images:
    problem = inversion(coarse, target, KeepDirection(0.9), (SIDE, SIDE), p)
    return torch.stack([one.value for one in solve(problem)])


def test_what_the_model_sees_comes_back() -> None:
    x = photos()
    guess = solved(Inversion(steps=60, smoothness=0.01), coarse(x))
    assert cosine(coarse(guess), coarse(x)).min() > 0.99
    rows = torch.cat([coarse(guess), coarse(x)])
    likeness = torch.corrcoef(rows)[:3, 3:]
    assert likeness.diagonal().min() > 0.95
    assert (likeness - torch.eye(3)).max() < 0.6  # nothing of the other two


def test_a_guess_depends_on_its_reading_alone() -> None:
    target = coarse(photos())
    together = solved(Inversion(steps=5), target)
    alone = solved(Inversion(steps=5), target[1:2])
    torch.testing.assert_close(together[1:2], alone)


def test_weight_on_smoothness_makes_smoother_guesses() -> None:
    target = coarse(photos())
    rough = solved(Inversion(steps=20, smoothness=0.0), target)
    smooth = solved(Inversion(steps=20, smoothness=5.0), target)
    assert (total_variation(smooth) < 0.5 * total_variation(rough)).all()


def test_the_objective_has_two_named_terms_and_starts_at_grey() -> None:
    problem = inversion(coarse, coarse(photos()), KeepDirection(0.9), (SIDE, SIDE), Inversion())
    assert bool((problem.start == 0.5).all())
    terms = problem.objective(photos(), problem.context)
    assert terms.parts["service"].abs().max() < 1e-6
    torch.testing.assert_close(terms.parts["smoothness"], 0.5 * total_variation(photos()))


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match="steps"):
        Inversion(steps=0)
