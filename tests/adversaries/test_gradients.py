"""Transforms written with gradients, beside the real ones."""

import numpy as np
import pytest
import torch
from skimage import data

from anamorph.adversaries.gradients import _ALIKE, with_gradient
from anamorph.adversaries.transforms import TRANSFORMS
from anamorph.app.protect.surviving import shared

PICTURE = np.ascontiguousarray(data.astronaut()[50:251, 100:400])
"""Of odd height, and wider than high."""


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255


@pytest.mark.parametrize("name", _ALIKE)
def test_pixels_go_where_the_real_transform_puts_them(name: str) -> None:
    x, real = as_tensor(PICTURE), as_tensor(TRANSFORMS[name](PICTURE))
    away = (_ALIKE[name](x) - real)[..., 4:-4, 4:-4].abs().mean()
    changed = (x - real)[..., 4:-4, 4:-4].abs().mean()
    assert away < changed
    assert away < 2.5 / 255


@pytest.mark.parametrize("name", ["jpeg75", "median", *_ALIKE])
def test_what_is_seen_is_what_the_real_transform_gives(name: str) -> None:
    x = as_tensor(PICTURE).requires_grad_()
    seen = shared(TRANSFORMS[name])(x)
    assert torch.allclose(seen, as_tensor(TRANSFORMS[name](PICTURE)), atol=1e-6)
    (gradient,) = torch.autograd.grad(seen.sum(), x)
    assert gradient.shape == x.shape
    assert gradient.isfinite().all()


def test_a_mirrored_pixel_has_its_gradient_on_the_other_side() -> None:
    x = torch.zeros(1, 3, 4, 6, requires_grad=True)
    (g,) = torch.autograd.grad(with_gradient("flip", lambda y: y.flip(-1))(x)[..., 0].sum(), x)
    assert g[..., -1].eq(1).all()
    assert g[..., :-1].eq(0).all()


def test_a_cropped_edge_has_no_gradient() -> None:
    x = torch.zeros(1, 3, 60, 60, requires_grad=True)
    (g,) = torch.autograd.grad(shared(TRANSFORMS["crop"])(x).sum(), x)
    assert g[..., 0, :].eq(0).all()
    assert g[..., 30, 30].gt(0.5).all()
