"""Whether scores tell pairs that belong together (mated) from pairs that don't (non-mated).

    AUC    = P(s_m > s_n) + P(s_m = s_n) / 2
    EER    = where  P(s_n >= t) = P(s_m < t)
    LR(s)  = p(s | mated) / p(s | non-mated)
    D(s)   = 2 LR / (1 + LR) - 1  where LR > 1, else 0
    D_sys  = sum over s of  p(s | mated) D(s)

D_sys is the global measure of unlinkability of Gomez-Barrero, Galbally, Rathgeb and Busch, "General
Framework to Evaluate Unlinkability in Biometric Template Protection Systems", IEEE TIFS 13(6),
2018, with equal priors: 0 where nobody can link records of two stores, 1 where anybody can. The
densities are histograms of both kinds of scores over one range, so a few scores that mean nothing
give some tenths by chance alone: `d_sys_by_chance` says how much.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from anamorph.errors import UsageError

FEWEST_BINS, MOST_BINS = 5, 100
"""Of the histograms; in between there is one for ten mated scores."""

_SHUFFLES = 50
_LEVEL = 0.95

Scores = Float[Tensor, " n"]


def auc(mated: Scores, others: Float[Tensor, " m"]) -> float:
    """How often a mated score is the larger of two: 0.5 is blind, 1 never errs.

    Example:
        >>> auc(torch.tensor([0.9, 0.4]), torch.tensor([0.1, 0.4]))
        0.875

    Raises:
        UsageError: no scores of one kind.
    """
    _check(mated, others)
    ordered = others.double().sort().values
    below = torch.searchsorted(ordered, mated.double(), right=False)
    upto = torch.searchsorted(ordered, mated.double(), right=True)
    return float((below + upto).double().mean() / (2 * len(others)))


def equal_error_rate(mated: Scores, others: Float[Tensor, " m"]) -> float:
    """The rate at which as many mated pairs are missed as others are accepted.

    Example:
        >>> equal_error_rate(torch.tensor([0.9, 0.2]), torch.tensor([0.1, 0.3]))
        0.5

    Raises:
        UsageError: no scores of one kind.
    """
    _check(mated, others)
    high, low = mated.double().sort().values, others.double().sort().values
    at = torch.cat([high, low, low.new_tensor([torch.inf])]).sort().values
    missed = torch.searchsorted(high, at, right=False).double() / len(high)
    accepted = 1 - torch.searchsorted(low, at, right=False).double() / len(low)
    nearest = (missed - accepted).abs().argmin()
    return float((missed[nearest] + accepted[nearest]) / 2)


def d_sys(mated: Scores, others: Float[Tensor, " m"]) -> float:
    """How far records can be linked: 0 not at all, 1 always.

    Example:
        >>> same, other = torch.tensor([0.8, 0.9, 1.0]), torch.tensor([-0.1, 0.0, 0.1])
        >>> d_sys(same, other), d_sys(same, same)
        (1.0, 0.0)

    Raises:
        UsageError: no scores of one kind.
    """
    _check(mated, others)
    a, b = mated.double().numpy(), others.double().numpy()
    return _d_sys(a, b, _edges(np.concatenate([a, b]), len(a)))


def d_sys_by_chance(mated: Scores, others: Float[Tensor, " m"], seed: int = 0) -> float:
    """What so many scores reach where nothing links: the 95 % quantile under shuffled labels.

    Args:
        mated: scores.
        others: scores of pairs that don't belong together.
        seed: of the shuffles.

    Raises:
        UsageError: no scores of one kind.
    """
    _check(mated, others)
    pool = torch.cat([mated, others]).double().numpy()
    edges, rng = _edges(pool, len(mated)), np.random.default_rng(seed)
    found = []
    for _ in range(_SHUFFLES):
        mixed = rng.permutation(pool)
        found.append(_d_sys(mixed[: len(mated)], mixed[len(mated) :], edges))
    return float(np.quantile(found, _LEVEL))


def _d_sys(
    mated: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"], edges: Float[np.ndarray, " e"]
) -> float:
    p = np.histogram(mated, edges)[0] / len(mated)
    q = np.histogram(others, edges)[0] / len(others)
    linkable = p > q
    return float((p[linkable] * (p - q)[linkable] / (p + q)[linkable]).sum())  # 2LR/(1+LR) - 1


def _edges(scores: Float[np.ndarray, " n"], mated: int) -> Float[np.ndarray, " e"]:
    bins = min(max(mated // 10, FEWEST_BINS), MOST_BINS)
    return np.histogram_bin_edges(scores, bins)


def _check(mated: Tensor, others: Tensor) -> None:
    if not len(mated) or not len(others):
        raise UsageError(
            f"{len(mated)} pairs that belong together and {len(others)} that don't; give some of "
            "both"
        )
