"""Where samples begin. Randomness belongs to the sample: one seed each, one generator each.

The same picture and seed give the same start alone, in a batch, shuffled, or on another worker.
"""

import hashlib

import torch
from torch import Tensor

from anamorph.types import Seeds


def seed_of(run_seed: int, picture_digest: str) -> int:
    """The seed of one picture in one run.

    Example:
        >>> seed_of(0, "ab") == seed_of(0, "ab") != seed_of(1, "ab")
        True
    """
    both = hashlib.sha256(f"{run_seed}:{picture_digest}".encode()).digest()
    return int.from_bytes(both[:8], "big") >> 1


def uniform_in_ball(x: Tensor, radius: float, seeds: Seeds, levels: int = 255) -> Tensor:
    """x + u, with u uniform over the whole levels of an 8-bit picture in [-radius, radius].

    Whole levels keep every iterate of a sign method on the grid of the file that is written,
    so what the engine sees is what the file holds.
    """
    reach = int(radius * levels + 1e-6)
    noise = uniform(tuple(x.shape[1:]), seeds).to(x).mul_(2 * reach + 1).floor_().sub_(reach)
    return noise.div_(levels).add_(x)


def uniform(shape: tuple[int, ...], seeds: Seeds) -> Tensor:
    """(n, *shape) in [0, 1), one seed per sample: a start that depends on nothing else.

    Example:
        >>> bool((uniform((4,), [1, 2])[1] == uniform((4,), [2])[0]).all())
        True
    """
    out = torch.empty(len(seeds), *shape)
    for row, seed in zip(out, seeds, strict=True):
        row.uniform_(generator=_generator(seed))
    return out


def normal(shape: tuple[int, ...], seeds: Seeds) -> Tensor:
    """(n, *shape) of mean 0 and standard deviation 1, one seed per sample."""
    out = torch.empty(len(seeds), *shape)
    for row, seed in zip(out, seeds, strict=True):
        row.normal_(generator=_generator(seed))
    return out


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
