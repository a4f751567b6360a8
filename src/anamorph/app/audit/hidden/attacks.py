"""What attackers are given: pairs to learn from, and pictures that they never saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from anamorph.adversaries.held_out import split
from anamorph.adversaries.hidden import Pairs
from anamorph.app.audit.hidden.keys import under_one_secret
from anamorph.app.audit.hidden.pictures import Looked
from anamorph.app.audit.hidden.side_by_side import original_beside
from anamorph.app.images import as_images
from anamorph.auditing.hidden.attacking import Tried, attacks, inverted, references
from anamorph.auditing.hidden.figures import Attempt
from anamorph.auditing.hidden.lineup import Lineup, attempted, lineup
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.views import rgb8
from anamorph.files.photo import Limits, read
from anamorph.keys.key import Key
from anamorph.metrics.readability import probe_r2
from anamorph.models import Model
from anamorph.types import Images

UNSEEN = 100
"""Pictures that attackers are tried on; where there are fewer than twice as many, half of all."""

MOST_BYTES = 2**30
"""Of pictures that attackers have in memory at once."""

FEWEST = 2
"""Pictures to learn from, and pictures to be tried on, below which nothing is tried."""

INVERSIONS: Mapping[str, str] = {
    "from hidden": "a picture that the service model reads as the hidden one",
    "from original": "the same from the original: what the model tells of any photo",
}
"""What is inverted, hidden pictures first, and what that means."""

_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Pictures of one kind, those to learn from and those to be tried on."""

    known: tuple[Looked, ...]
    unseen: tuple[Looked, ...]

    @property
    def enough(self) -> bool:
        """Whether attackers can be tried at all."""
        return min(len(self.known), len(self.unseen)) >= FEWEST


@dataclass(slots=True, kw_only=True, eq=False)
class Attacked:
    """What attackers reached, as it comes in."""

    references: tuple[Attempt, ...] = ()
    attackers: list[Attempt] = field(default_factory=list)
    shared: list[Attempt] = field(default_factory=list)
    inverted: list[Attempt] = field(default_factory=list)
    probe_r2: float | None = None
    probe_r2_of_noise: float | None = None
    best: Attempt | None = None
    """Of the attackers with pairs as written, who came nearest."""
    guesses: Images | None = None
    """His, for the unseen pictures."""
    drawn: dict[str, Images] = field(default_factory=dict)
    """By feature inversion, for the first of the unseen pictures."""


def parted(looked: Sequence[Looked], seed: int, most: int, size: tuple[int, int]) -> Parted:
    """Choose who learns from what.

    Args:
        looked: pictures of one kind.
        seed: of the choice.
        most: pairs that any attacker is to learn from.
        size: height and width at which attackers see them.
    """
    order, _ = split([one.digest for one in looked], seed, held_out=0)
    cut = len(order) - min(UNSEEN, len(order) // 2)
    while 0 < cut < len(order) and looked[order[cut - 1]].digest == looked[order[cut]].digest:
        cut -= 1  # copies of a picture stay together
    known, unseen = order[:cut], order[cut:]
    room = max(FEWEST, MOST_BYTES // (2 * 3 * size[0] * size[1] * _BYTES) - len(unseen))
    return Parted(
        known=tuple(looked[i] for i in known[: min(most, room)]),
        unseen=tuple(looked[i] for i in unseen),
    )


def counts_for(wanted: Sequence[int], known: int) -> tuple[int, ...]:
    """How many pairs attackers get: as many as asked, as far as there are so many.

    Example:
        >>> counts_for([10, 25, 100, 1000], 60)
        (10, 25, 60)
    """
    return tuple(sorted({min(k, known) for k in wanted if min(k, known) > 1}))


class Prepared(NamedTuple):
    """Pictures as attackers see them, in memory."""

    known: Pairs
    unseen: Pairs
    among: Lineup
    """The unseen originals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacking:
    """What all attacks on the pictures of one kind have in common."""

    service: Model
    judge: Witness | None
    key: Key
    limits: Limits
    seed: int
    size: tuple[int, int]
    """Height and width at which attackers see the pictures."""

    def prepared(self, part: Parted, *, shared: bool = False) -> Prepared:
        """Decode the pictures.

        Args:
            part: who is learned from, and who is tried on.
            shared: as if one subkey had served all of them; see `can_share`.

        Raises:
            FileError: a file has changed since it was looked at.
        """
        known, unseen = self._pairs(part.known, shared), self._pairs(part.unseen, shared)
        digests = [one.digest for one in part.unseen]
        return Prepared(known, unseen, lineup(unseen.originals, digests, self.judge))

    def looked_at(self, looked: Sequence[Looked]) -> Attempt:
        """The hidden pictures themselves beside the originals, for who compares blocks of light."""
        pairs = self._pairs(looked, shared=False)
        among = lineup(pairs.originals, [one.digest for one in looked], None)
        return attempted("the hidden picture itself", "as it is", pairs.hidden, among)

    def attack(
        self, pictures: Prepared, counts: Sequence[int], result: Attacked
    ) -> Iterator[Attempt]:
        """Every attacker with pairs, as the files are written; the probe and the references."""
        known, unseen, among = pictures
        result.probe_r2, result.probe_r2_of_noise = self._probed(known, unseen)
        result.references = references(known, among)
        for tried in attacks(known, unseen.hidden, counts, among):
            result.attackers.append(tried.row)
            _remember(tried, result)
            yield tried.row

    def attack_shared(
        self, pictures: Prepared, counts: Sequence[int], result: Attacked
    ) -> Iterator[Attempt]:
        """Every attacker with pairs, on pictures that share one subkey."""
        for tried in attacks(pictures.known, pictures.unseen.hidden, counts, pictures.among):
            result.shared.append(tried.row)
            yield tried.row

    def invert(self, pictures: Prepared, n: int, result: Attacked) -> Iterator[Attempt]:
        """Draw what the service model reads in some unseen pictures, and in their originals."""
        unseen, model = pictures.unseen, self.service
        parts = zip(INVERSIONS, unseen, strict=True)
        shown = {name: part[:n].to(model.device) for name, part in parts}
        for tried in inverted(model.output, model.task, shown, INVERSIONS, pictures.among):
            result.inverted.append(tried.row)
            if tried.guesses is not None:
                result.drawn[tried.row.name] = tried.guesses
            yield tried.row

    def _probed(self, known: Pairs, unseen: Pairs) -> tuple[float, float]:
        rng = np.random.default_rng(self.seed)
        noise, other = (
            torch.from_numpy(rng.random(tuple(p.hidden.shape), dtype=np.float32))
            for p in (known, unseen)
        )
        return (
            probe_r2(known.hidden, known.originals, unseen.hidden, unseen.originals),
            probe_r2(noise, known.originals, other, unseen.originals),
        )

    def _pairs(self, looked: Sequence[Looked], shared: bool) -> Pairs:
        hidden, originals = [], []
        for one in looked:
            pixels = np.ascontiguousarray(rgb8(read(one.pair.output, self.limits).pixels))
            if shared:
                hidden.append(self._sized(under_one_secret(pixels, one.pair.notice, self.key)))
            else:
                hidden.append(self._sized(as_images(pixels)))
            originals.append(self._sized(as_images(read(one.pair.source, self.limits).pixels)))
        return Pairs(torch.cat(hidden), torch.cat(originals))

    def _sized(self, images: Images) -> Images:
        return original_beside(images, images.new_empty(1, 1, *self.size))


def can_share(part: Parted, key: Key) -> bool:
    """Whether one subkey for all can be simulated: permuted pictures of this key."""
    notices = [one.pair.notice for one in (*part.known, *part.unseen)]
    return all((n.kind, n.fingerprint) == ("permuted", key.fingerprint) for n in notices)


def _remember(tried: Tried, result: Attacked) -> None:
    if tried.guesses is None:
        return
    if result.best is None or tried.row.rank > result.best.rank:
        result.best, result.guesses = tried.row, tried.guesses
