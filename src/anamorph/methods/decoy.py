"""Decoy re-synthesis: the feature of a decoy, changed until the recognizer sees the person in it.

    z' = z_d + s u,   |u| <= epsilon,   low <= z' <= high         per channel
    L  = 1 - cos(R(z'), e)                                        minimized over u
    u <- clip(u - Adam(dL/du)),  u_0 = 0
    e  = R(z), the embedding of the person: all that the problem is told of z
    z_d: the feature of a decoy, drawn by chance or the nearest by its embedding

R is the rest of the recognizer, from the stored feature to the embedding. It is deterministic, and
so is the optimizer: the record is a function of e, of the decoys and of fresh chance. Whoever has e
can make records just like it, so a record tells an attacker, adaptive or not, no more of the
picture than e does (docs/security/shield.md). What e tells, it tells: this is no encryption.

The idea is ours; AdvFace (Wang et al. 2023, arXiv:2305.05391) changes the person's own feature
instead, which an attacker who trains on such records undoes.
"""

from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.losses import cosine
from anamorph.methods.feature_parameters import DECOY as PRESETS
from anamorph.methods.feature_parameters import Decoy
from anamorph.methods.spread import Spread, moved
from anamorph.metrics.identity import similarities
from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box
from anamorph.optimize.starts import uniform
from anamorph.optimize.steps import Adam
from anamorph.optimize.terms import Terms
from anamorph.types import Seeds

__all__ = ["PRESETS", "Decoy", "Decoys", "Dressed", "Tail", "decoy", "reached"]

_SLACK = 100


class Tail(Protocol):
    """R: the recognizer from the stored feature on; differentiable, each feature by itself."""

    def __call__(self, features: Tensor, /) -> Float[Tensor, "n k"]:
        """(n, ...) to embeddings (n, k)."""
        ...


class Decoys(NamedTuple):
    """Features of people who are not in the store, and their embeddings."""

    features: Tensor  # (d, ...)
    embeddings: Tensor  # (d, k)


class Dressed(NamedTuple):
    """What belongs to each record."""

    z_d: Tensor
    e: Tensor


def decoy(
    tail: Tail,
    e: Float[Tensor, "n k"],
    decoys: Decoys,
    spread: Spread,
    seeds: Seeds,
    p: Decoy,
) -> Problem[Dressed]:
    """Write the problem down; the record of a solution u is `moved(z_d, u, spread)`.

    Args:
        tail: the recognizer from the stored feature on.
        e: (n, k) what it says of the people's features.
        decoys: at least one.
        spread: how clean features vary.
        seeds: one per record, drawn apart from the person, for the choice of the decoy.
        p: the parameters.

    Raises:
        UsageError: no decoys.
    """
    chosen = _chosen(e, decoys, seeds, p)
    z_d = decoys.features[chosen]

    def objective(u: Tensor, dressed: Dressed) -> Terms:
        seen = cosine(tail(moved(dressed.z_d, u, spread)), dressed.e)
        return Terms(parts={"embedding": 1 - seen}, slack=_SLACK * (seen - p.least_cosine))

    return Problem(
        sense="min",
        objective=objective,
        start=torch.zeros_like(z_d),
        context=Dressed(z_d, e),
        step=Adam(step_size=p.step_size, final_step=p.final_step, steps=p.steps),
        project=lambda u, _: onto_box(u, -p.epsilon, p.epsilon),
        iterations=p.steps,
    )


def reached(solved: Solved, p: Decoy) -> float:
    """The cosine of what R sees in a record with e, as the solver found it; in [-1, 1]."""
    seen = 1 + solved.score if solved.passes else p.least_cosine + solved.score / _SLACK
    return min(1.0, max(-1.0, seen))


def _chosen(e: Tensor, decoys: Decoys, seeds: Seeds, p: Decoy) -> Int[Tensor, " n"]:
    if not len(decoys.features):
        raise UsageError("there are no decoys; give features of people who are not in the store")
    if p.choice == "nearest":
        nearest: Tensor = similarities(e, decoys.embeddings).argmax(1)
        return nearest
    return (uniform((), seeds) * len(decoys.features)).long()
