"""How much of a picture still shows in another: measures that see more than SSIM does.

A hidden picture can have an SSIM of zero and still show who is on it: outlines and hair survive in
the mean brightness of blocks.
"""

from torch import Tensor
from torch.nn import functional as F

from anamorph.types import Images, PerSample

BLOCK = 8
"""Side of a block in pixels."""

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
    together: PerSample = (one * other).sum(1)
    return together / scale.clamp_min(_TINY)


def blocks(images: Images) -> int:
    """How many whole blocks a picture has."""
    return (images.shape[-2] // BLOCK) * (images.shape[-1] // BLOCK)


def _centered(images: Images) -> Tensor:
    """The blocks' mean luminance (n, blocks), less its mean."""
    if images.shape[1] == 3:
        images = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    means: Tensor = F.avg_pool2d(images, BLOCK).flatten(1)
    return means - means.mean(1, keepdim=True)
