"""Random draws that give the same numbers on every machine and every numpy.

Only `Generator.random` is used: its stream is fixed by the bit generator, while the finer
distributions of numpy may change between releases.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

WORLD = 20_260_216
"""The seed of the whole population: another number means other people."""

T = TypeVar("T")


def stream(*key: int) -> np.random.Generator:
    """The generator of one person (identity) or one picture (identity, shot).

    >>> stream(3, 1).random() == stream(3, 1).random()
    True
    >>> stream(3, 1).random() == stream(1, 3).random()
    False
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([WORLD, *key])))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number in [low, high)."""
    return low + (high - low) * float(rng.random())


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with the given probability."""
    return float(rng.random()) < probability


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely as the others."""
    return options[int(rng.random() * len(options))]
