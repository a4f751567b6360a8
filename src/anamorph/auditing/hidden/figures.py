"""What an audit of hidden pictures measures."""

from collections.abc import Mapping
from dataclasses import dataclass

from anamorph.auditing.hidden.spread import Spread
from anamorph.metrics.accuracy import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPicture:
    """What was found of one picture. Figures are measured on the decoded files."""

    source: str
    """The original; empty where a hidden file has none."""
    output: str
    """The hidden file; empty where the original has none."""
    reason: str = ""
    """Why it could not be audited; empty where it was."""
    kind: str = ""
    """Of the key it was hidden with."""
    key: str = ""
    """That key's fingerprint."""
    model_matches: bool | None = None
    """Whether it was hidden for the service model of the audit."""
    service_cosine: float | None = None
    """Between the service model's readings of original and hidden, where it embeds."""
    service_kept: bool | None = None
    judge_cosine: float | None = None
    """The same of the model that took no part: whether it sees the same in both."""
    judge_kept: bool | None = None
    ssim: float | None = None
    """Of hidden and original."""
    block_correlation: float | None = None
    shows: bool | None = None
    """Whether SSIM or block correlation exceed what unrelated pictures of this size have."""
    revealed: bool | None = None
    """Whether the key gave something back; None where the key is not this picture's."""
    exact: bool | None = None
    """Whether that was the original file, bit for bit."""
    revealed_psnr: float | None = None
    revealed_ssim: float | None = None
    refusal: str = ""
    """Why the key did not reveal it."""
    other_key_refused: bool | None = None
    """Whether `reveal` refuses a wrong key."""
    other_key_nothing: bool | None = None
    """Whether a wrong key gets nothing even by force."""
    other_key_ssim: float | None = None
    """What it gets by force."""
    other_key_correlation: float | None = None
    other_key_identity: float | None = None

    @property
    def audited(self) -> bool:
        """Whether it was measured."""
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFigures:
    """How a model reads the hidden pictures of one kind, beside the originals."""

    name: str
    kept: Share
    """Read as the original: the same best class, or a cosine of at least 0.9."""
    cosine: Spread | None
    found: Share
    """Of a gallery of the hidden pictures: originals whose nearest entry is their own."""
    chance: float
    """The same by guessing."""
    error: str = ""
    """Why it is not known, where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What somebody made of pictures he has no key for, and how near it is to the originals."""

    name: str
    meaning: str
    pairs: int | None = None
    """How many originals he had with the pictures that hide them."""
    ssim: Spread | None = None
    block_correlation: Spread | None = None
    identity: Spread | None = None
    """Cosine of the judge's readings of what he made and of the original."""
    picked: Share
    """Of a line-up of all the originals: those that what he made of them resembles most."""
    chance: float
    """The same by guessing."""
    error: str = ""

    @property
    def hits(self) -> int:
        """How many originals were picked."""
        return round((self.picked.value or 0) * self.picked.n)

    @property
    def rank(self) -> tuple[float, float]:
        """By which attackers are compared: originals picked, then SSIM; higher is better."""
        return self.picked.value or 0.0, -1.0 if self.ssim is None else self.ssim.mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Shows:
    """How much of the originals can be read off the hidden pictures without any key."""

    readable: Share
    """Pictures in which more shows than chance gives unrelated ones."""
    ssim: Spread | None
    block_correlation: Spread | None
    """Its size, sign dropped."""
    looked_at: Attempt
    """The hidden pictures themselves, put beside the originals."""
    probe_r2: float | None
    """R2 of a linear probe, on pictures it did not learn from; None with too few."""
    probe_r2_of_noise: float | None
    """The same for noise in place of the hidden pictures: what no more than chance gives."""
    probe_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongKeys:
    """What keys of the same kind do that are not the right ones."""

    refused: Share
    """By `reveal`."""
    nothing: Share
    """Nothing comes out, even by force."""
    ssim: Spread | None
    """Of what comes out by force, where something does."""
    block_correlation: Spread | None
    identity: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """What is left when the file is changed on its way."""

    name: str
    meaning: str
    read: Share
    """By the service model, as the original."""
    cosine: Spread | None
    revealed: Share
    exact: Share
    psnr: Spread | None
    """Of what comes back and is not exact, in dB."""
    ssim: Spread | None
    reasons: Mapping[str, int]
    """Why it was refused, and how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """What was found of the pictures that were hidden with one kind of key."""

    kind: str
    n: int
    service: ReaderFigures
    judge: ReaderFigures | None
    shows: Shows
    wrong_keys: WrongKeys
    unseen: int
    """Pictures that attackers were tried on, and did not learn from."""
    references: tuple[Attempt, ...]
    """What can be had without looking at the hidden picture."""
    attackers: tuple[Attempt, ...]
    """Who learned from pairs with a subkey each: as written."""
    shared: tuple[Attempt, ...]
    """Who learned from pairs that share one subkey, as no file of ours does."""
    inverted: tuple[Attempt, ...]
    """Who has the service model: what is drawn from its readings."""
    spoiled: tuple[Spoiled, ...]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All that is held against chance."""
        return (self.shows.looked_at, *self.attackers)
