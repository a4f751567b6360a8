"""A denoiser that was not trained: sliding cosine transforms (Yu and Sapiro 2011), in two rounds.

Round one keeps the coefficients of each 8x8 patch that stand out of the noise. Round two weighs
each coefficient by how much of it round one takes for picture, g = p^2 / (p^2 + sigma^2), as the
second round of BM3D does (Dabov et al. 2007). Patches overlap, and those that needed fewer
coefficients count for more. Colors are taken apart into lightness and two differences, which stay
as noisy as they were but hold far less of the picture.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.types import Images, PerSample

_PATCH = 8
_STRIDE = 2
"""Every second patch in both directions: a sixth of the time for 0.3 dB."""

_THRESHOLD = 3.0
"""Standard deviations by which a coefficient stands out."""

_MAD = 0.6745
"""Median magnitude of a normal variable of standard deviation 1."""


def denoise_dct(images: Images, sigma: PerSample) -> Images:
    """Pictures without their white noise.

    Args:
        images: (n, 3, h, w) in [0, 1].
        sigma: the noise's standard deviation, for each picture.

    Example:
        >>> noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.1
        >>> clean = denoise_dct(0.5 + noise, torch.tensor([0.1]))
        >>> bool((clean - 0.5).square().mean() < 0.1 * noise.square().mean())
        True
    """
    each = (_denoise(x[None], float(s)) for x, s in zip(images, sigma, strict=True))
    return torch.cat(list(each))  # one by one: the coefficients take 32 times a picture's memory


def noise_level(images: Images) -> PerSample:
    """The standard deviation of white noise, read off the finest detail of the color differences.

    Photos have next to nothing there, so their median magnitude is the noise's. Texture in strong
    colors is taken for noise.

    Args:
        images: (n, 3, h, w), at least 2 x 2.
    """
    differences = _apart(images)[:, 1:]
    fine = differences[..., 1:, :] - differences[..., :-1, :]
    finest = (fine[..., 1:] - fine[..., :-1]) / 2
    median: Tensor = finest.abs().flatten(1).median(1).values
    return median / _MAD


def _denoise(image: Images, sigma: float) -> Images:
    planes = _apart(image).transpose(0, 1)
    basis = _cosines(image)
    noisy = _coefficients(planes, basis)
    stands_out = noisy.abs() > _THRESHOLD * sigma
    stands_out[:, 0] = True  # the mean of the patch stays
    weight = 1 / stands_out.sum(1, keepdim=True).to(noisy)
    pilot = _overlaid(noisy * stands_out, weight, basis, planes)
    energy = _coefficients(pilot, basis).square_()
    gain = energy / (energy + max(sigma**2, torch.finfo(energy.dtype).tiny))
    gain[:, 0] = 1
    weight = 1 / gain.square().sum(1, keepdim=True)
    clean = _overlaid(noisy.mul_(gain), weight, basis, planes)
    return _together(clean.transpose(0, 1)).clamp_(0, 1)


def _coefficients(planes: Tensor, basis: Tensor) -> Tensor:
    """(c, 64, patches down, patches across) of planes (c, 1, h, w) mirrored beyond their border."""
    around = [_PATCH - 1] * 4
    mirrored = F.pad(planes, around, mode="reflect" if _can_mirror(planes) else "replicate")
    return F.conv2d(mirrored, basis, stride=_STRIDE)


def _overlaid(coefficients: Tensor, weight: Tensor, basis: Tensor, like: Tensor) -> Tensor:
    """The patches put back in their places, the weighted mean where they overlap."""
    ones = torch.ones_like(basis[:1])
    total = F.conv_transpose2d(coefficients * weight, basis, stride=_STRIDE)
    weights = F.conv_transpose2d(weight, ones, stride=_STRIDE)
    first, (height, width) = _PATCH - 1, like.shape[-2:]
    inside = (..., slice(first, first + height), slice(first, first + width))
    return total[inside] / weights[inside]


def _can_mirror(planes: Tensor) -> bool:
    return min(planes.shape[-2:]) >= _PATCH


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal cosine basis of a patch: (64, 1, 8, 8), the constant first."""
    i = torch.arange(_PATCH, dtype=torch.float64)
    rows = torch.cos(torch.pi * (i + 0.5) * i[:, None] / _PATCH) * math.sqrt(2 / _PATCH)
    rows[0] /= math.sqrt(2)
    return torch.einsum("uy,vx->uvyx", rows, rows).reshape(-1, 1, _PATCH, _PATCH).to(like)


def _opponents(like: Tensor) -> Tensor:
    """Lightness, red against blue, green against both: an orthonormal basis of colors."""
    axes = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=torch.float64)
    return F.normalize(axes, dim=1).to(like)


def _apart(images: Images) -> Tensor:
    planes: Tensor = torch.einsum("oc,nchw->nohw", _opponents(images), images)
    return planes


def _together(planes: Tensor) -> Images:
    images: Images = torch.einsum("oc,nohw->nchw", _opponents(planes), planes)
    return images
