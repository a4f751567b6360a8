"""How much a picture changed, for eyes and for the budget. All per sample, on values in [0, 1]."""

import torch
from torch import Tensor

from anamorph.losses import mse
from anamorph.types import Images, PerSample

STRIP_WINDOWS = 2**17
"""Windows whose SSIM is computed at once: few enough for large pictures to stay in the cache."""


def largest_change(a: Images, b: Images) -> PerSample:
    """max |a - b|, in 8-bit levels.

    Example:
        >>> a = torch.zeros(1, 3, 4, 4)
        >>> round(largest_change(a, a + 16 / 255).item(), 3)
        16.0
    """
    return (a - b).abs_().flatten(1).amax(1) * 255


def psnr(a: Images, b: Images) -> PerSample:
    """Peak signal to noise ratio in dB, 10 log10(1 / MSE); infinite for equal pictures.

    Example:
        >>> a = torch.zeros(1, 3, 4, 4)
        >>> round(psnr(a, a + 0.1).item(), 3)
        20.0
    """
    return -10 * torch.log10(mse(a, b))


def ssim(a: Images, b: Images) -> PerSample:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian of sigma 1.5, mean over channels.

    Windows lie wholly inside the picture. Pictures narrower than a window use the largest odd
    window that fits.

    Example:
        >>> a = torch.rand(1, 3, 32, 32)
        >>> round(ssim(a, a).item(), 6)
        1.0
    """
    height, width = a.shape[-2:]
    size = min(11, *(side - 1 + side % 2 for side in (height, width)))
    total = a.new_zeros(len(a), dtype=torch.float64)
    rows = height - size + 1
    together = max(1, STRIP_WINDOWS // width)
    for first in range(0, rows, together):
        strip = slice(first, min(first + together, rows) + size - 1)
        total += _ssim_map(a[:, :, strip], b[:, :, strip], size).double().sum((1, 2, 3))
    return (total / (a.shape[1] * rows * (width - size + 1))).to(a)


def _ssim_map(a: Tensor, b: Tensor, size: int) -> Tensor:
    c1, c2 = 0.01**2, 0.03**2  # (K L)^2 of the paper for values in [0, 1]
    distance = torch.arange(size, dtype=torch.float64) - size // 2
    weight = torch.exp(-distance.square() / (2 * 1.5**2))
    weights = (weight / weight.sum()).tolist()

    def local_mean(t: Tensor) -> Tensor:
        for axis in (2, 3):  # shifted sums instead of a convolution with one channel
            inside = t.shape[axis] - size + 1
            mean = t.narrow(axis, 0, inside) * weights[0]
            for d in range(1, size):
                mean.add_(t.narrow(axis, d, inside), alpha=weights[d])
            t = mean
        return t

    mean_a, mean_b = local_mean(a), local_mean(b)
    means = mean_a * mean_a + mean_b * mean_b
    product = mean_a * mean_b
    variances = local_mean(torch.addcmul(a * a, b, b)) - means
    covariance = local_mean(a * b) - product
    luminance = (2 * product + c1) / (means + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return luminance * structure
