"""Shares with how sure they are: every figure of an audit carries its n and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean

LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share in [0, 1] of n things, with its interval."""

    value: float | None
    """None where there was nothing to count."""
    n: int
    low: float
    high: float


NOTHING = Share(value=None, n=0, low=0.0, high=1.0)
"""The share of no things at all."""


def wilson(hits: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The Wilson score interval of a share, inside [0, 1] also near its ends.

    Args:
        hits: how many of the n; a sum of fractions in [0, 1] gives an interval that is too wide
            rather than too narrow, since nothing varies more than yes and no.
        n: of how many.
        level: of confidence.

    Example:
        >>> low, high = wilson(0, 10)
        >>> round(low, 4), round(high, 4)
        (0.0, 0.2775)
        >>> wilson(0, 0)
        (0.0, 1.0)
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, spill = hits / n, z * z / n
    center = (p + spill / 2) / (1 + spill)
    reach = z / (1 + spill) * sqrt(max(p * (1 - p), 0) / n + spill / (4 * n))
    return max(0.0, center - reach), min(1.0, center + reach)


def share(hits: float, n: int) -> Share:
    """The share of hits among n things.

    Example:
        >>> share(1, 2).value
        0.5
        >>> share(0, 0).value is None
        True
    """
    low, high = wilson(hits, n)
    return Share(value=hits / n if n else None, n=n, low=low, high=high)


def mean_share(shares: Sequence[Share]) -> Share:
    """The mean of several models' shares of the same pictures.

    Models that read the same pictures agree more than chance, so their counts may not be added up:
    the interval is that of the mean share over the fewest pictures that any of them counts, which
    is as wide as if all of them always agreed. Shares of nothing are left out.

    Example:
        >>> both = mean_share([share(2, 8), share(6, 8)])
        >>> both.value, both.n
        (0.5, 8)
        >>> both == share(4, 8)
        True
    """
    known = [(s.value, s.n) for s in shares if s.value is not None]
    if not known:
        return NOTHING
    n = min(n for _, n in known)
    return share(fmean(value for value, _ in known) * n, n)
