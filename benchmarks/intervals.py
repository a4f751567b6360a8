"""How sure a measured figure is: shares with intervals, medians with spreads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.metrics.accuracy import LEVEL, wilson

RESAMPLES = 2000


def share(hits: NDArray[np.bool_], among: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """The share of pictures that hit, of all of them or of those in `among`.

    Returns:
        `share` (None of no pictures), `n`, and the 95 % Wilson `interval`.

    Example:
        >>> share(np.array([True, False]))["share"]
        0.5
    """
    counted = hits if among is None else hits[among]
    n, k = len(counted), int(counted.sum())
    low, high = wilson(k, n)
    return {
        "share": round(k / n, 4) if n else None,
        "n": n,
        "interval": [round(low, 4), round(high, 4)],
    }


def mean_share(
    hits: NDArray[np.bool_], among: NDArray[np.bool_], rng: np.random.Generator
) -> dict[str, Any]:
    """The mean over models of each one's share of hits, with an interval over pictures.

    All the models read the same pictures, so their shares are not independent: the interval is a
    percentile bootstrap that draws whole pictures.

    Args:
        hits: (pictures, models).
        among: (pictures, models): which answers count.
        rng: draws the pictures.
    """
    n = len(hits)
    if not among.any(0).all():
        return {"share": None, "n": n, "interval": [0.0, 1.0]}
    drawn = rng.integers(0, n, (RESAMPLES, n))
    both = hits & among
    with np.errstate(invalid="ignore"):  # a draw may hold no picture that a model counts
        resampled = both[drawn].sum(1) / among[drawn].sum(1)
    low, high = np.nanquantile(resampled.mean(1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean = (both.sum(0) / among.sum(0)).mean()
    return {
        "share": round(float(mean), 4),
        "n": n,
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, quartiles and extremes of repeated measurements.

    Example:
        >>> spread([3.0, 1.0, 2.0])
        {'median': 2.0, 'q1': 1.5, 'q3': 2.5, 'min': 1.0, 'max': 3.0, 'n': 3}
    """
    low, q1, median, q3, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {
        "median": round(median, 5),
        "q1": round(q1, 5),
        "q3": round(q3, 5),
        "min": round(low, 5),
        "max": round(high, 5),
        "n": len(values),
    }
