"""Views: parts of pictures, and how they are held."""

import pytest
import torch
from torch.testing import assert_close

from anamorph.methods.views import VIEWS, View

WHOLE = View(0, 0, 1)


def test_the_first_view_is_the_whole_picture_as_it_is() -> None:
    x = torch.rand(1, 3, 6, 9)
    assert torch.equal(VIEWS[0].held(VIEWS[0].part(x)), x)
    assert len(set(VIEWS)) == len(VIEWS)


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (20, 31)])
def test_every_view_shows_some_of_every_picture(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size)
    for view in VIEWS:
        part = view.part(x)
        assert part.numel() > 0
        held = view.held(part)
        assert held.shape == part.shape
        assert held.isfinite().all()


def test_a_turn_by_half_is_mirrored_and_upside_down() -> None:
    x = torch.rand(2, 3, 8, 13, dtype=torch.float64)
    both = View(0, 0, 1, mirrored=True, inverted=True)
    assert_close(View(0, 0, 1, degrees=180).held(x), both.held(x))


def test_a_turn_keeps_shapes_on_pictures_that_are_not_square() -> None:
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(80.0), indexing="ij")
    distance = (rows - 19.5).square() + (columns - 39.5).square()
    round_spot = torch.exp(-distance / 50)[None, None]
    turned = View(0, 0, 1, degrees=30).held(round_spot)
    assert (turned - round_spot).abs().max() < 0.02


def test_a_turn_and_back_is_the_picture_but_for_its_edges() -> None:
    x = torch.linspace(0, 1, 48).expand(1, 1, 48, 48)
    there = View(0, 0, 1, degrees=12).held(x)
    back = View(0, 0, 1, degrees=-12).held(there)
    middle = (..., slice(14, 34), slice(14, 34))
    assert_close(back[middle], x[middle], atol=0.01, rtol=0)
    assert (there[middle] - x[middle]).abs().max() > 0.02


def test_gradients_reach_all_that_is_shown() -> None:
    x = torch.rand(1, 1, 30, 30, dtype=torch.float64, requires_grad=True)
    view = View(0.2, 0.2, 0.5, mirrored=True, degrees=12)
    (gradient,) = torch.autograd.grad(view.held(view.part(x)).sum(), x)
    assert (gradient[..., 8:19, 8:19] > 0).all()
    assert gradient[..., :6, :].abs().sum() == 0


def test_a_picture_is_turned_alike_alone_and_among_others() -> None:
    x = torch.rand(3, 3, 17, 23)
    view = View(0, 0, 1, degrees=-12)
    assert torch.equal(view.held(x)[1:2], view.held(x[1:2]))
    assert WHOLE.held(x) is x
