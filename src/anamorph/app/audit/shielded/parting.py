"""Who is attacked, and who may be learned from: no person is both."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from anamorph.app.audit.shielded.extracting import Faces
from anamorph.errors import UsageError

FEWEST = 2
"""People to be told apart."""


class Part(NamedTuple):
    """Numbers of records."""

    attacked: Tensor
    rest: Tensor
    """Of other people; none where nobody learns from them."""


def parted(people: Sequence[int], seed: int, most: int, *, rest: bool) -> Part:
    """Choose the records that are attacked, of as many people as there are.

    Args:
        people: whom each record is of.
        seed: of the choice.
        most: records that are attacked.
        rest: whether half of the people are to be learned from.

    Raises:
        UsageError: fewer than two people can be attacked.
    """
    numbers = np.array(people)
    order = np.random.default_rng(seed).permutation(np.unique(numbers))
    chosen = order[: len(order) // 2] if rest else order
    if len(chosen) < FEWEST:
        raise UsageError(
            f"records of {len(order)} people; attackers need {FEWEST} to tell apart"
            + (f", and {FEWEST} others to learn from" if rest else "")
        )
    rows = [np.flatnonzero(numbers == person) for person in chosen]
    turns = range(max(map(len, rows)))
    attacked = [int(own[turn]) for turn in turns for own in rows if turn < len(own)][:most]
    others = np.flatnonzero(np.isin(numbers, order[len(chosen) :] if rest else []))
    return Part(torch.tensor(attacked), torch.from_numpy(others))


def without(known: Faces, enrolled: Faces) -> Faces:
    """The pictures that attackers know, but for those that are in the store.

    Raises:
        UsageError: none is left.
    """
    there = {picture.numpy().tobytes() for picture in enrolled.pictures}
    kept = [i for i, one in enumerate(known.pictures) if one.numpy().tobytes() not in there]
    if len(kept) < FEWEST:
        raise UsageError(
            f"{len(kept)} known pictures that are not in the store; give pictures of other people "
            "with --known"
        )
    if len(kept) == len(known.pictures):
        return known
    return known._replace(pictures=known.pictures[kept], features=known.features[kept])
