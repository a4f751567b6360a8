"""A measure over several pictures: its mean with an interval, and its extremes."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, isfinite, lgamma, log, log1p, sqrt
from statistics import NormalDist, fmean, stdev

from anamorph.metrics.accuracy import LEVEL

_FEWEST = 3  # pictures that an interval can be made of


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Mean and extremes of n values."""

    mean: float
    low: float | None
    """Where the 95 % interval of the mean begins (Student's t); None of fewer than 3 values."""
    high: float | None
    least: float
    most: float
    n: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the values there are; None where there is none. Infinite ones are left out.

    Example:
        >>> found = spread([1.0, 2.0, 3.0, None])
        >>> found.mean, round(found.low, 2), round(found.high, 2), found.least, found.most, found.n
        (2.0, -0.47, 4.47, 1.0, 3.0, 3)
        >>> spread([None]) is None
        True
    """
    known = [float(value) for value in values if value is not None and isfinite(value)]
    if not known:
        return None
    n, mean = len(known), fmean(known)
    reach = None if n < _FEWEST else _student(n - 1) * stdev(known) / sqrt(n)
    return Spread(
        mean=mean,
        low=None if reach is None else mean - reach,
        high=None if reach is None else mean + reach,
        least=min(known),
        most=max(known),
        n=n,
    )


def luck(hits: int, n: int, chance: float) -> float:
    """How often n blind guesses, each right with probability `chance`, hit so often or more.

    Example:
        >>> luck(2, 2, 0.5), luck(0, 5, 0.1)
        (0.25, 1.0)
    """
    if hits <= 0:
        return 1.0
    if not 0 < chance < 1:
        return float(chance >= 1)
    yes, no = log(chance), log1p(-chance)
    ways = (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(hits, n + 1))
    terms = (
        exp(way + k * yes + (n - k) * no) for k, way in zip(range(hits, n + 1), ways, strict=True)
    )
    return round(min(1.0, sum(terms)), 12)


def luck_of_picks(hits: int, n: int, chance: float) -> float:
    """At most how often n blind picks out of one line-up hit so often or more.

    They are not independent: who has five of six right, each another one, has the sixth. Whatever
    ties them, they make (n chance)^k / k! sets of k hits on average, and so one or more of them no
    more often than that (Markov's inequality); n hits among n have 1 / n!.

    Args:
        hits: how many were right.
        n: of how many, picked out of n or more.
        chance: that a pick is right.

    Example:
        >>> round(luck_of_picks(6, 6, 1 / 6) * 720, 9), luck_of_picks(1, 6, 1 / 6)
        (1.0, 1.0)
    """
    if hits <= 0:
        return 1.0
    if chance <= 0:
        return 0.0
    return exp(min(0.0, hits * log(n * chance) - lgamma(hits + 1)))


def _student(freedom: int) -> float:
    """The t quantile of the interval's upper end.

    Expansion around the normal quantile (Abramowitz and Stegun 26.7.5); within 1 % from 2 degrees
    of freedom on.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )
