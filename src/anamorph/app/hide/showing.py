"""How much of an original may show in a picture that is to show nothing of it.

Unrelated pictures resemble each other by chance, small ones more than large ones: the bars lie
where noise that knows nothing of the original passes nearly always.
"""

import math

from anamorph.metrics.image import ssim
from anamorph.metrics.readability import block_correlation, blocks
from anamorph.types import Images

MOST_SSIM = 0.04
MOST_CORRELATION = 0.12

_CHANCE_SSIM = 2.0  # over the side in pixels: four standard deviations and more, from trials
_CHANCE_CORRELATION = 4.0  # standard deviations of the correlation of n unrelated blocks


def likeness(original: Images, other: Images) -> float:
    """SSIM of two pictures."""
    return ssim(original, other).item()


def correlation(original: Images, other: Images) -> float:
    """Correlation of the 8x8 blocks' mean luminance."""
    return block_correlation(original, other).item()


def most_likeness(images: Images) -> float:
    """The SSIM up to which nothing shows in pictures of this size."""
    return max(MOST_SSIM, _CHANCE_SSIM / math.sqrt(images.shape[-2] * images.shape[-1]))


def most_correlation(images: Images) -> float:
    """The block correlation up to which nothing shows in pictures of this size."""
    return max(MOST_CORRELATION, _CHANCE_CORRELATION / math.sqrt(max(1, blocks(images))))
