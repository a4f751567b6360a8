"""Search in a gallery of faces: how surely probes find their person, and nobody else.

`identity` holds the parts; this is the protocol that puts them together: every probe is compared
with every entry, which makes the pairs of one person and of two that the rates are counted over.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from anamorph.metrics.identity import rank_one, similarities, tar_at_far

FARS = (1e-2, 1e-3)
"""The false accept rates that are usual for galleries of some hundred people."""


class Found(NamedTuple):
    """How a search went."""

    rank_one: float
    """Share of the probes whose nearest entry is of the same person."""
    tar: dict[str, float]
    """True accept rate at each false accept rate."""
    genuine: int
    """Pairs of one person that were compared."""
    impostor: int
    """Pairs of two people."""


def search(
    probes: Float[Tensor, "p k"],
    people: Int[Tensor, " p"],
    gallery: Float[Tensor, "g k"],
    enrolled: Int[Tensor, " g"],
    fars: Sequence[float] = FARS,
) -> Found:
    """Look every probe up in the gallery.

    A probe whose person is not enrolled is counted as not found.

    Args:
        probes: embeddings to be recognized.
        people: who they are.
        gallery: embeddings on file.
        enrolled: who those are.
        fars: false accept rates, in [0, 1).

    Example:
        >>> import torch
        >>> who = torch.arange(3)
        >>> found = search(torch.eye(3), who, torch.eye(3) + 0.1, who, fars=[0.01])
        >>> found.rank_one, found.tar, found.genuine, found.impostor
        (1.0, {'0.01': 1.0}, 3, 6)

    Raises:
        UsageError: an empty gallery, a rate outside [0, 1), or nobody to accept or to refuse.
    """
    right = rank_one(probes, people, gallery, enrolled)
    same = people[:, None] == enrolled[None, :]
    scores = similarities(probes, gallery)
    genuine, impostor = scores[same], scores[~same]
    return Found(
        rank_one=float(right.double().mean()),
        tar={f"{far:g}": tar_at_far(genuine, impostor, far)[0] for far in fars},
        genuine=len(genuine),
        impostor=len(impostor),
    )
