"""Can protected pictures be told from clean ones? A detector of the traces that changes leave.

Neighboring residuals of high-pass filters, quantized and counted in pairs, as steganalysis does
(Pevny, Bas and Fridrich 2010; Fridrich and Kodovsky 2012), and a logistic regression on the square
roots of their frequencies. A few hundred numbers say of a picture how its finest detail behaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.adversaries.held_out import split
from anamorph.errors import UsageError
from anamorph.metrics.accuracy import Share, share
from anamorph.metrics.linkage import auc

Pixels: TypeAlias = NDArray[np.uint8]
"""A decoded color picture, (h, w, 3)."""

Numbers: TypeAlias = NDArray[np.float64]

_LARGEST = 2  # of a residual after division: values beyond count as it
_DIVISORS = (2, 8)
_PENALTY = 1e-2  # of squared weights, per picture
_NEWTON_ROUNDS = 25
_LEAST_SIDE = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detector:
    """A linear rule on the statistics of a picture's residuals."""

    mean: Numbers
    scale: Numbers
    weights: Numbers
    bias: float

    def __call__(self, pixels: Pixels) -> float:
        """The log odds that a picture is protected: above zero it is held for protected."""
        return self.score(residual_statistics(pixels))

    def score(self, statistics: Numbers) -> float:
        """The same from a picture's `residual_statistics`."""
        return float((statistics - self.mean) / self.scale @ self.weights) + self.bias


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How well a detector does on pictures it has not seen, half of them protected."""

    accuracy: Share
    """The share it gets right; 0.5 is chance."""
    auc: float
    """How often a protected picture scores above a clean one; 0.5 is chance."""
    learned_from: int
    """Pictures, half of them protected."""


def detect(
    clean: Sequence[Pixels],
    protected: Sequence[Pixels],
    digests: Sequence[str],
    *,
    seed: int = 0,
    held_out: float = 0.5,
) -> Detection:
    """Train a detector on some pictures and their protected versions, and test it on the others.

    Args:
        clean: the originals.
        protected: what was made of each.
        digests: of the originals, which decide what is learned from.
        seed: of that choice.
        held_out: about which share is to be tested on.

    Raises:
        UsageError: lists of unequal length, or too few pictures to learn from and to test on.
    """
    return judged(
        [residual_statistics(pixels) for pixels in clean],
        [residual_statistics(pixels) for pixels in protected],
        digests,
        seed=seed,
        held_out=held_out,
    )


def judged(
    clean: Sequence[Numbers],
    protected: Sequence[Numbers],
    digests: Sequence[str],
    *,
    seed: int = 0,
    held_out: float = 0.5,
) -> Detection:
    """As `detect`, from the `residual_statistics` of the pictures, which need not all be held.

    Raises:
        UsageError: as `detect`.
    """
    if not len(clean) == len(protected) == len(digests):
        raise UsageError(
            f"{len(clean)} originals, {len(protected)} protected pictures and {len(digests)} "
            "digests; give one of each for every picture"
        )
    learned, tested = split(digests, seed, held_out)
    if len(learned) < 2 or not tested:
        raise UsageError(
            f"{len(clean)} pictures leave {len(learned)} to learn from and {len(tested)} to test "
            "on; give more"
        )
    detector = _fitted([clean[i] for i in learned], [protected[i] for i in learned])
    negative = np.array([detector.score(clean[i]) for i in tested])
    positive = np.array([detector.score(protected[i]) for i in tested])
    return Detection(
        accuracy=share(int((negative <= 0).sum() + (positive > 0).sum()), 2 * len(tested)),
        auc=auc(torch.from_numpy(positive), torch.from_numpy(negative)),
        learned_from=2 * len(learned),
    )


def trained(clean: Sequence[Pixels], protected: Sequence[Pixels]) -> Detector:
    """The logistic regression that tells these pictures apart."""
    return _fitted(
        [residual_statistics(pixels) for pixels in clean],
        [residual_statistics(pixels) for pixels in protected],
    )


def _fitted(clean: Sequence[Numbers], protected: Sequence[Numbers]) -> Detector:
    """By Newton's method.

    minimize mean log(1 + exp(-t (w . s + b))) + penalty |w|^2 / 2,  t = 1 if protected, else -1
    """
    statistics = np.stack([*clean, *protected])
    wanted = np.repeat([0.0, 1.0], [len(clean), len(protected)])
    mean = statistics.mean(0)
    scale = statistics.std(0) + 1e-3  # bins that are next to always empty must not shout
    x = np.column_stack([(statistics - mean) / scale, np.ones(len(wanted))])
    penalty = np.full(x.shape[1], _PENALTY * len(wanted))
    penalty[-1] = 1e-9  # the bias is free
    w = np.zeros(x.shape[1])
    for _ in range(_NEWTON_ROUNDS):
        p = _logistic(x @ w)
        slope = x.T @ (p - wanted) + penalty * w
        curvature = x.T @ (x * (p * (1 - p))[:, None]) + np.diag(penalty)
        w -= np.linalg.solve(curvature, slope)
    return Detector(mean=mean, scale=scale, weights=w[:-1], bias=float(w[-1]))


def residual_statistics(pixels: Pixels) -> Numbers:
    """Square roots of how often pairs of neighboring residuals occur, for each filter.

    Example:
        >>> residual_statistics(np.zeros((8, 8, 3), np.uint8)).shape
        (250,)

    Raises:
        UsageError: a picture of fewer than five rows or columns.
    """
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        raise UsageError(
            f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels has no residuals to count; "
            f"give pictures of at least {_LEAST_SIDE} x {_LEAST_SIDE}"
        )
    counts = [
        _pairs(np.clip(np.rint(residual / divisor), -_LARGEST, _LARGEST).astype(np.int64))
        for residual in _residuals(pixels.astype(np.int16))
        for divisor in _DIVISORS
    ]
    return np.sqrt(np.concatenate(counts))


def _residuals(x: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    """First and second differences both ways, and what one second one has over the other."""
    across, down = np.diff(x, axis=1), np.diff(x, axis=0)
    return [
        across,
        down.swapaxes(0, 1),
        np.diff(across, axis=1),
        np.diff(down, axis=0).swapaxes(0, 1),
        np.diff(down, axis=0)[:, 1:-1] - np.diff(across, axis=1)[1:-1],
    ]


def _pairs(residual: NDArray[np.int64]) -> Numbers:
    """Frequencies of (a, b), b one place further along the filter's own axis."""
    kinds = 2 * _LARGEST + 1
    joint = (residual[:, :-1] + _LARGEST) * kinds + residual[:, 1:] + _LARGEST
    counts = np.bincount(joint.ravel(), minlength=kinds * kinds)
    frequencies: Numbers = counts / counts.sum()
    return frequencies


def _logistic(score: Numbers) -> Numbers:
    return 0.5 * (1 + np.tanh(score / 2))
