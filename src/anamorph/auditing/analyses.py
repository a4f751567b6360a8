"""What changes inside the models: where they look, what they see, and how sure they are.

These are the analyses of the paper of feature map distortion (Chai et al. 2024, arXiv:2402.09316):
Grad-CAM, final activation maps, and the highest softmax value, before and after.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anamorph.auditing.protocol import Readings
from anamorph.auditing.views import CLEAN, PROTECTED, View

BINS = 10
"""Of the histograms of highest softmax values, each a tenth wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quartiles:
    """The middle half of some numbers."""

    low: float | None
    """A quarter of them is below; None where there are none."""
    median: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The highest softmax values of a classifier."""

    clean: Quartiles
    protected: Quartiles
    histogram_clean: tuple[int, ...]
    """Pictures in each tenth of [0, 1], the lowest first."""
    histogram_protected: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What changes inside one model."""

    model: str
    layer: str
    """The one with the last feature map; empty where there is none."""
    remark: str
    """Why something is missing; empty where nothing is."""
    grad_cam: Quartiles
    """Correlation of the Grad-CAM maps of original and protected picture, for the class that the
    model reads in the original."""
    activation_map: Quartiles
    """Cosine between the last feature maps, averaged over their channels, before and after."""
    activation: Quartiles
    """Cosine between the last feature maps with all their channels."""
    confidence: Confidence | None
    """None of models that give embeddings or crashed."""


NONE = np.zeros(0)
"""No numbers."""


def quartiles(values: Sequence[float] | NDArray[np.float64]) -> Quartiles:
    """Of the values that are numbers.

    Example:
        >>> quartiles([1.0, 2.0, 3.0, float("nan")])
        Quartiles(low=1.5, median=2.0, high=2.5, n=3)
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return Quartiles(low=None, median=None, high=None, n=0)
    low, median, high = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
    return Quartiles(low=low, median=median, high=high, n=len(known))


def histogram(values: NDArray[np.float64]) -> tuple[int, ...]:
    """How many values are in each tenth of [0, 1].

    Example:
        >>> histogram(np.array([0.05, 0.95, 1.0, np.nan]))
        (1, 0, 0, 0, 0, 0, 0, 0, 0, 2)
    """
    counts, _ = np.histogram(values[~np.isnan(values)], bins=BINS, range=(0, 1))
    return tuple(int(count) for count in counts)


def confidence(readings: Readings) -> Confidence | None:
    """The highest softmax values that a model had; None of embeddings, and of one that crashed."""
    if readings.errors or readings.embeds:
        return None

    def values(view: View) -> NDArray[np.float64]:
        return readings.confidence[view]

    return Confidence(
        clean=quartiles(values(CLEAN)),
        protected=quartiles(values(PROTECTED)),
        histogram_clean=histogram(values(CLEAN)),
        histogram_protected=histogram(values(PROTECTED)),
    )
