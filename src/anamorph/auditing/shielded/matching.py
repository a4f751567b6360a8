"""How the matcher does before and after, and what can be linked: all from its cosines."""

from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.auditing.shielded.figures import Accuracy, Link, Matching
from anamorph.auditing.shielded.scene import passing
from anamorph.auditing.wording import as_percent
from anamorph.metrics.accuracy import NOTHING, share
from anamorph.metrics.identity import similarities, tar_at_far
from anamorph.metrics.linkage import auc, d_sys, d_sys_by_chance, equal_error_rate
from anamorph.metrics.verification import FARS


class Pairing(NamedTuple):
    """Which rows and columns of a table of cosines belong together; both (r, c), of booleans."""

    same: Tensor
    others: Tensor

    @property
    def counts(self) -> tuple[int, int]:
        """Pairs of one person, and of two."""
        return int(self.same.sum()), int(self.others.sum())


class Threshold(NamedTuple):
    """Where the matcher accepts: above this cosine."""

    value: float | None
    meaning: str


def pairing(rows: Tensor, columns: Tensor, *, itself: bool = False, once: bool = False) -> Pairing:
    """Pairs by the people's numbers.

    Args:
        rows: (r,) whose.
        columns: (c,) whose.
        itself: row and column of one number are the same picture, which is no pair.
        once: rows and columns are the same, and each pair counts once.
    """
    same = rows[:, None] == columns[None, :]
    counted = torch.ones_like(same)
    if itself:
        counted.fill_diagonal_(False)
    if once:
        counted = counted.triu(1)
    return Pairing(same & counted, ~same & counted)


def threshold(clean: Tensor, pairs: Pairing, given: float | None = None) -> Threshold:
    """The given one, else that of the smallest false accept rate that there are pairs enough for.

    Args:
        clean: (r, c) cosines of clean features.
        pairs: who belongs together.
        given: the matcher's own.
    """
    if given is not None:
        return Threshold(given, f"{given:g}, as given")
    impostors = clean[pairs.others]
    for far in sorted(FARS):
        if len(impostors) * far >= 1:
            _, value = tar_at_far(impostors, impostors, far)
            return Threshold(
                value,
                f"{value:.3f}, which {as_percent(far)} of {len(impostors)} pairs of two people "
                "pass with clean features",
            )
    return Threshold(
        None,
        f"not known: {len(impostors)} pairs of two people are too few to find it; give --threshold",
    )


def accuracy(
    probes: str,
    clean: Tensor,
    shielded: Tensor | None,
    pairs: Pairing,
    limit: Threshold,
    reason: str = "",
) -> Accuracy:
    """The matcher before and after.

    Args:
        probes: what is compared with the records.
        clean: (r, c) cosines of clean features with probes.
        shielded: the same of records; None where they cannot be compared.
        pairs: who belongs together.
        limit: the matcher's threshold.
        reason: why there is nothing shielded.
    """
    genuine, impostor = pairs.counts
    if not genuine or not impostor:
        reason = (
            f"{genuine} pairs of one person and {impostor} of two: give other pictures of the same "
            "people with --probes"
        )
        return Accuracy(
            probes=probes,
            genuine=genuine,
            impostor=impostor,
            before=None,
            after=None,
            accepted=NOTHING,
            reason=reason,
        )
    best = _best_threshold(clean[pairs.same], clean[pairs.others])
    return Accuracy(
        probes=probes,
        genuine=genuine,
        impostor=impostor,
        before=_matching(clean, pairs, best),
        after=None if shielded is None else _matching(shielded, pairs, best),
        accepted=NOTHING if shielded is None else passing(shielded[pairs.same], limit.value),
        reason=reason,
    )


def link(
    name: str,
    meaning: str,
    one: Tensor,
    other: Tensor,
    pairs: Pairing,
    limit: Threshold,
    *,
    stores: bool = False,
) -> Link:
    """Whether things that belong together are told from others by the matcher's cosine.

    Args:
        name: of the row.
        meaning: what is compared.
        one: (r, k) embeddings of the rows.
        other: (c, k) embeddings of the columns.
        pairs: who belongs together.
        limit: the matcher's threshold.
        stores: these are two stores, so that their unlinkability is measured too.
    """
    mated, others = pairs.counts
    if not mated or not others:
        why = f"{mated} pairs that belong together and {others} that don't are too few"
        return Link(
            name=name, meaning=meaning, mated=mated, others=others, accepted=NOTHING, reason=why
        )
    scores = similarities(one.double(), other.double())
    same, rest = scores[pairs.same], scores[pairs.others]
    return Link(
        name=name,
        meaning=meaning,
        mated=mated,
        others=others,
        auc=auc(same, rest),
        equal_error_rate=equal_error_rate(same, rest),
        d_sys=d_sys(same, rest) if stores else None,
        d_sys_by_chance=d_sys_by_chance(same, rest) if stores else None,
        accepted=passing(same, limit.value),
    )


def _matching(scores: Tensor, pairs: Pairing, best: float) -> Matching:
    genuine, impostor = scores[pairs.same], scores[pairs.others]
    n = len(genuine)
    right = _right(genuine, impostor, torch.tensor([best], dtype=genuine.dtype))
    return Matching(
        accuracy=share(float(right) * n, n),
        tar={
            f"{far:g}": share(round(tar_at_far(genuine, impostor, far)[0] * n), n)
            if len(impostor) * far >= 1
            else NOTHING
            for far in FARS
        },
    )


def _best_threshold(genuine: Tensor, impostor: Tensor) -> float:
    """Half-way between two scores, so that rounding moves no pair across it."""
    tried = torch.cat([genuine, impostor]).sort().values
    best = int(_right(genuine, impostor, tried).argmax())
    return float((tried[best] + tried[min(best + 1, len(tried) - 1)]) / 2)


def _right(genuine: Tensor, impostor: Tensor, thresholds: Tensor) -> Tensor:
    """Mean of the shares that are accepted and refused rightly, at each threshold."""
    missed = torch.searchsorted(genuine.sort().values, thresholds, right=True) / len(genuine)
    refused = torch.searchsorted(impostor.sort().values, thresholds, right=True) / len(impostor)
    return (1 - missed + refused).double() / 2
