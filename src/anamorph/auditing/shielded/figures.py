"""What an audit of shielded features measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from anamorph.auditing.hidden.spread import Spread
from anamorph.metrics.accuracy import Share

Group = Literal["references", "unseen", "adaptive", "embedding", "inversion", "pairs", "controls"]
"""What attackers have; `controls` are no attackers, but noise in the place of the shield."""

GROUPS: Mapping[Group, str] = {
    "references": "without looking: the least that attackers must beat",
    "unseen": "decoders that never saw a shielded record",
    "adaptive": "decoders that learned from shielded records",
    "embedding": "through the embedding that the matcher compares",
    "inversion": "with the recognizer's weights, and no training",
    "pairs": "with the plain embeddings of some records",
    "controls": "plain noise of the shield's size in its place, same decoder",
}
"""Their titles, in the order of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What reconstructions show of the faces."""

    ssim: Spread | None = None
    psnr: Spread | None = None
    """In dB."""
    identity: Spread | None = None
    """Cosine of the judge's readings of reconstruction and face."""
    picked: Share
    """Of a line-up of all the faces: those that the judge finds their reconstruction most like."""
    matched: Spread | None = None
    """Cosine of the recognizer's readings of reconstruction and face."""
    replayed: Share
    """Reconstructions that pass for their person at the matcher's threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What somebody made of stored records, beside what he makes of clean features."""

    group: Group
    name: str
    meaning: str
    learned: int | None = None
    """How many shielded records he had with their pictures, or their plain embeddings."""
    clean: Shown | None = None
    """From the clean features of the same faces; None where that means nothing."""
    shielded: Shown | None = None
    """From the records; None where he failed."""
    error: str = ""

    @property
    def rank(self) -> tuple[float, float, float]:
        """By which attackers are compared: faces sure to be picked or to pass, identity, SSIM."""
        shown = self.shielded
        if shown is None:
            return -1.0, -1.0, -1.0
        identity, ssim = (-1.0 if m is None else m.mean for m in (shown.identity, shown.ssim))
        certain = max(s.low for s in (shown.picked, shown.replayed))
        return certain, identity, ssim


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How the matcher does: probes are clean, what is on file is clean or shielded."""

    accuracy: Share
    """Mean of the shares of pairs of one person accepted and of two refused, at the threshold that
    is best for clean features."""
    tar: Mapping[str, Share]
    """Pairs of one person that are accepted, by false accept rate; nothing where pairs of two
    people are too few for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The matcher before and after."""

    probes: str
    """What is compared with the records."""
    genuine: int
    """Pairs of one person."""
    impostor: int
    """Pairs of two."""
    before: Matching | None
    after: Matching | None
    accepted: Share
    """Pairs of one person that still pass at the clean threshold."""
    reason: str = ""
    """Why a part is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Whether things that belong together can be told from others, by the matcher's cosine."""

    name: str
    meaning: str
    mated: int
    others: int
    """Pairs of each kind."""
    auc: float | None = None
    equal_error_rate: float | None = None
    d_sys: float | None = None
    """Of two stores alone: 0 unlinkable, 1 linkable."""
    d_sys_by_chance: float | None = None
    """What so few scores reach where nothing links."""
    accepted: Share
    """Pairs that belong together and pass at the matcher's threshold."""
    reason: str = ""
    """Why it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """What was audited."""

    name: str
    """Of the store; holds no password."""
    method: str
    """As the rows' mark says, or the user."""
    mark: str
    """What the audited rows carry; empty: nothing."""
    kind: Literal["maps", "embeddings"]
    shape: tuple[int, ...]
    rows: int
    """In the store."""
    paired: int
    """With a picture."""
    people: int
    attacked: int
    """Records that attackers were tried on."""
    known: int
    """Pictures that attackers learned from."""
    known_from: str
    self_cosine: Spread | None
    """Of the matcher's embeddings of record and clean feature; None where only a key gives them."""
