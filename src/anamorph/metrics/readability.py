"""How much of a picture still shows in another: measures that see more than SSIM does.

A hidden picture can have an SSIM of zero and still show who is on it: outlines and hair survive in
the mean brightness of blocks. What a measure of two pictures misses, a probe that learns from many
pairs may find.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.types import Images, PerSample

BLOCK = 8
"""Side of a block in pixels."""

PROBED_SIDE = 28
"""Side of the luminance picture that the linear probe predicts."""

_RIDGES = tuple(10.0**power for power in range(-6, 5))  # times the mean squared norm of pictures

_GRIDS = (None, 28, 14)  # what the probe looks at: all values, or means

_LUMA = (0.299, 0.587, 0.114)
_TINY = 1e-12


def block_correlation(a: Images, b: Images) -> PerSample:
    """Correlation of the mean luminance of 8x8 blocks, in [-1, 1]; 0 where one has no contrast.

    For two unrelated pictures it is about 1 / sqrt(number of blocks) from zero, by chance.

    Example:
        >>> import torch
        >>> a = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> round(block_correlation(a, 0.5 * a + 0.1).item(), 5)
        1.0
    """
    one, other = _centered(a), _centered(b)
    scale = one.norm(dim=1) * other.norm(dim=1)
    correlation: PerSample = (one * other).sum(1) / scale.clamp_min(_TINY)
    return correlation


def blocks(images: Images) -> int:
    """How many whole blocks a picture has."""
    return (images.shape[-2] // BLOCK) * (images.shape[-1] // BLOCK)


def probe_r2(
    hidden: Images, originals: Images, unseen_hidden: Images, unseen_originals: Images
) -> float:
    """R2 of a linear probe from a hidden picture to its original's 28x28 luminance.

    A ridge regression on the hidden picture's values, or on their means over a 28x28 or 14x14 grid.
    Which of these, and the ridge, are chosen by leaving out one pair at a time. R2 is that on the
    unseen pairs, over all values, against guessing the mean of the known originals: 1 means the
    originals are read off, 0 or less that nothing is.

    Args:
        hidden: (n, c, h, w) hidden pictures of the pairs an attacker has.
        originals: (n, 3 or 1, height, width) what they hide, of any one size.
        unseen_hidden: (m, c, h, w) others.
        unseen_originals: (m, 3 or 1, height, width) what those hide.
    """
    known, unseen = _small(originals), _small(unseen_originals)
    guess = known.mean(0)
    probes = (
        _fitted(_seen(hidden, grid), known - guess, _seen(unseen_hidden, grid)) for grid in _GRIDS
    )
    best = min(probes, key=lambda probe: probe.left_out_error)
    missed = (unseen - guess - best.predicted).square().sum()
    return 1 - float(missed / (unseen - guess).square().sum())


class _Probe(NamedTuple):
    left_out_error: float
    predicted: Tensor


def _fitted(x: Tensor, y: Tensor, unseen: Tensor) -> _Probe:
    """What ridge regression from x to y says of unseen rows, with the best of the ridges.

    Solved among pairs, not among values: alpha = (K + r I)^-1 y with K = x x^T. The residual of a
    left-out row i is alpha_i / (((K + r I)^-1)_ii - 1 / (n r)): the last term stands for the mean,
    which is fitted without that row too, and without a ridge.
    """
    center = x.mean(0)
    x, unseen = x - center, unseen - center
    products = x @ x.T
    spectrum = torch.linalg.eigh(products)
    values, vectors = spectrum.eigenvalues.clamp_min(0), spectrum.eigenvectors
    rotated = vectors.T @ y
    alphas = []
    for share in _RIDGES:
        ridge = share * values.mean() + _TINY
        inverse = 1 / (values + ridge)
        alpha = vectors @ (inverse[:, None] * rotated)
        left_out = alpha / (vectors.square() @ inverse - 1 / (len(x) * ridge))[:, None]
        alphas.append((float(left_out.square().sum()), alpha))
    error, alpha = min(alphas, key=lambda fit: fit[0])
    return _Probe(error, unseen @ x.T @ alpha)


def _seen(hidden: Images, grid: int | None) -> Tensor:
    """(n, values) of hidden pictures, or of their means over a grid."""
    return (hidden if grid is None else F.adaptive_avg_pool2d(hidden, grid)).flatten(1).double()


def _small(images: Images) -> Tensor:
    """(n, 28 * 28) luminance."""
    small: Tensor = F.adaptive_avg_pool2d(_luminance(images), PROBED_SIDE)
    return small.flatten(1).double()


def _luminance(images: Images) -> Tensor:
    """(n, 1, h, w)."""
    if images.shape[1] == 1:
        return images
    weighted = images * images.new_tensor(_LUMA)[:, None, None]
    return weighted.sum(1, keepdim=True)


def _centered(images: Images) -> Tensor:
    """The blocks' mean luminance (n, blocks), less its mean."""
    means: Tensor = F.avg_pool2d(_luminance(images), BLOCK).flatten(1)
    return means - means.mean(1, keepdim=True)
