"""How near guesses come to the originals, and whether they point at the right ones."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.auditing.hidden.figures import Attempt
from anamorph.auditing.hidden.spread import spread
from anamorph.auditing.hidden.witness import Witness
from anamorph.losses import cosine
from anamorph.metrics.accuracy import NOTHING, share
from anamorph.metrics.identity import rank_one
from anamorph.metrics.image import ssim
from anamorph.metrics.readability import block_correlation
from anamorph.types import Images


class Lineup(NamedTuple):
    """Originals that somebody has to tell apart."""

    originals: Images
    who: Tensor
    """(n,) a number for each; copies of one picture have the same."""
    readings: Tensor | None
    """The judge's, where it embeds."""
    judge: Witness | None

    @property
    def chance(self) -> float:
        """The share that blind guessing picks right, on average."""
        same = self.who[:, None] == self.who[None, :]
        return float(same.double().mean())

    def some(self, n: int) -> "Lineup":
        """The first n of them."""
        readings = None if self.readings is None else self.readings[:n]
        return self._replace(originals=self.originals[:n], who=self.who[:n], readings=readings)


def lineup(originals: Images, digests: Sequence[str], judge: Witness | None) -> Lineup:
    """Put originals of one size side by side.

    Args:
        originals: (n, 3, h, w).
        digests: of the files' pixels, to know copies.
        judge: reads them, if it embeds.
    """
    numbers = {digest: i for i, digest in enumerate(dict.fromkeys(digests))}
    who = torch.tensor([numbers[digest] for digest in digests], dtype=torch.long)
    embeds = judge is not None and judge.embeds
    readings = judge.readings(originals[:, None]) if judge is not None and embeds else None
    return Lineup(originals, who, readings, judge if embeds else None)


def attempted(
    name: str, meaning: str, guesses: Images, among: Lineup, pairs: int | None = None
) -> Attempt:
    """Measure guesses, one for each of the first originals of a line-up.

    Args:
        name: of who guessed.
        meaning: what he did.
        guesses: (m, 3, h, w), m at most the originals.
        among: the originals; all of them are in the line-up.
        pairs: how many he learned from.
    """
    wanted = among.originals[: len(guesses)]
    read = None
    if among.judge is not None and among.readings is not None:
        read = among.judge.readings(guesses[:, None])
    if read is not None and among.readings is not None:
        right = rank_one(read, among.who[: len(guesses)], among.readings, among.who)
        identity = spread(cosine(read, among.readings[: len(guesses)]).tolist())
    else:
        right, identity = _by_blocks(guesses, among), None
    return Attempt(
        name=name,
        meaning=meaning,
        pairs=pairs,
        ssim=spread(ssim(guesses, wanted).tolist()),
        block_correlation=spread(block_correlation(guesses, wanted).tolist()),
        identity=identity,
        picked=share(int(right.sum()), len(guesses)),
        chance=among.chance,
    )


def crashed(
    name: str, meaning: str, error: Exception, among: Lineup, pairs: int | None = None
) -> Attempt:
    """The row of who could not be tried."""
    return Attempt(
        name=name,
        meaning=meaning,
        pairs=pairs,
        picked=NOTHING,
        chance=among.chance,
        error=f"{type(error).__name__}: {error}",
    )


def _by_blocks(guesses: Images, among: Lineup) -> Tensor:
    """Whether each guess follows its own original's blocks more than any other's."""
    everyone = among.originals
    nearest = [
        int(block_correlation(one[None].expand_as(everyone), everyone).argmax()) for one in guesses
    ]
    return among.who[nearest] == among.who[: len(guesses)]
