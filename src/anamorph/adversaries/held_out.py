"""Which pictures an attacker learns from, and which are left to test the attacker on."""

import hashlib
from collections.abc import Sequence


def split(
    digests: Sequence[str], seed: int, held_out: float = 0.5
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Part pictures into those to learn from and those to be tested on, by number.

    On which side a picture falls depends on the seed and its digest alone, not on the others, so
    that all copies of a picture fall on one. Those to learn from come in an order of the same
    making: whoever learns from more of them learns from the same ones first.

    Args:
        digests: of the originals' pixels.
        seed: of the parting.
        held_out: about which share is to be tested on.

    Example:
        >>> split(["a", "b", "c", "d", "e", "f"], seed=0)
        ((4, 3, 1, 2), (0, 5))
    """
    places = [_place(digest, seed) for digest in digests]
    order = sorted(range(len(digests)), key=places.__getitem__)
    learned = tuple(i for i in order if places[i] >= held_out)
    return learned, tuple(i for i in range(len(digests)) if places[i] < held_out)


def _place(digest: str, seed: int) -> float:
    both = hashlib.sha256(f"split:{seed}:{digest}".encode()).digest()
    return int.from_bytes(both[:8], "big") / 2**64
