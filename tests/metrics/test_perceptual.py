"""LPIPS against its formula."""

import numpy as np
import pytest
import torch

from anamorph.metrics.perceptual import lpips


def test_it_is_the_formula_of_the_paper() -> None:
    random = np.random.default_rng(0)
    a, b = ([random.random((2, c, h, w)) for c, h, w in ((3, 4, 5), (7, 2, 2))] for _ in "ab")
    weights = [random.random(3), random.random(7)]

    wanted = np.zeros(2)
    for y, y_0, w in zip(a, b, weights, strict=True):
        for n in range(2):
            for row in np.ndindex(y.shape[2:]):
                one, other = y[n, :, *row], y_0[n, :, *row]
                apart = one / np.linalg.norm(one) - other / np.linalg.norm(other)
                wanted[n] += (w * apart**2).sum() / (y.shape[2] * y.shape[3])

    found = lpips(*([torch.from_numpy(t) for t in some] for some in (a, b, weights)))
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_pictures_do_not_reach_each_other() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(3, 4, 6, 6, generator=generator) for _ in "ab")
    w = torch.rand(4, generator=generator)
    alone = torch.cat([lpips([a[i : i + 1]], [b[i : i + 1]], [w]) for i in range(3)])
    torch.testing.assert_close(lpips([a], [b], [w]), alone)
    assert lpips([a], [a], [w]).tolist() == [0, 0, 0]


def test_layers_that_do_not_fit_are_refused() -> None:
    y = torch.rand(1, 4, 2, 2)
    with pytest.raises(ValueError, match=r"\(3,\) weights for features \(1, 4, 2, 2\)"):
        lpips([y], [y], [torch.ones(3)])
