"""What runs of `hide` and `reveal` report of every picture, and of themselves.

Nothing here is secret, and nothing tells the photo: a record stands beside the hidden picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal, TypeAlias

from anamorph.app.ledger import reason
from anamorph.app.records import rounded
from anamorph.keys.key import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class HideRecord:
    """What became of one picture. Figures are measured on the decoded output."""

    source: str
    output: str | None = None
    name: str | None = None
    """Where the output lies below the run's folder, with `/`."""
    status: Literal["hidden", "failed", "skipped"]
    reason: str = ""
    notice: str | None = None
    """The comment in the file: kind, size, key, model and, of a permuted picture, its nonce."""
    bits: int | None = None
    """Low bits of every value that carry the original; 0 where the picture itself does."""
    prediction_before: str | int | None = None
    """The service model's answer on the original: the label's text, or its number."""
    prediction_after: str | int | None = None
    cosine: float | None = None
    """For embedding models: cosine between the readings before and after."""
    kept: bool | None = None
    """Whether the service model still reads the same."""
    ssim: float | None = None
    """Between the hidden picture and the original; for unrelated noise about 0.01."""
    block_correlation: float | None = None
    """Of the 8x8 blocks' mean luminance; by chance it is about 1 / sqrt(number of blocks)."""
    revealed: bool | None = None
    """Whether the key gave the original back from the written file."""
    revealed_psnr: float | None = None
    """In dB, where the original does not come back bit for bit."""
    revealed_ssim: float | None = None
    other_key_refused: bool | None = None
    """Whether a random other key got nothing."""
    other_key_ssim: float | None = None
    """What it got, where it cannot be refused; flat parts of a photo resemble any flat grey. With a
    network key: what a network that anybody could train got."""
    steps: int = 0
    attempts: int = 0
    seconds: float = 0.0
    """From decoded to judged, in the company of the pictures of its batch."""
    source_tag: str | None = None
    """A keyed digest of the source: only the key's owner can tell which file it is of."""
    output_sha256: str | None = None

    def failed(self, error: Exception) -> "HideRecord":
        """The record of the same picture, ended by an error."""
        return HideRecord(source=self.source, status="failed", reason=reason(self.source, error))

    def as_json(self) -> dict[str, Any]:
        """Plain values, floats rounded to what they mean."""
        return rounded(asdict(self))


HideDone: TypeAlias = Callable[[HideRecord], None]
"""Called with each picture's record as it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HideReport:
    """What a run of `hide` did."""

    method: Kind
    parameters: dict[str, Any]
    models: dict[str, Any]
    key: str
    """The key's fingerprint."""
    images: Sequence[HideRecord]
    seconds: float
    out: str
    anamorph: str = ""
    weakness: str = ""
    """What is known to be broken about this kind of key; empty if nothing is."""

    @property
    def summary(self) -> dict[str, Any]:
        """Counts, the share of readings kept, how much shows on average, and the time."""
        return {
            "images": len(self.images),
            **_counts(self.images, ("hidden", "failed", "skipped")),
            "service_kept": _mean([i.kept for i in self.images]),
            "cosine": _mean([i.cosine for i in self.images]),
            "ssim": _mean([i.ssim for i in self.images]),
            "block_correlation": _mean(
                [None if r is None else abs(r) for r in (i.block_correlation for i in self.images)]
            ),
            "seconds": round(self.seconds, 3),
        }

    @property
    def ok(self) -> bool:
        """Whether no picture failed."""
        return not any(i.status == "failed" for i in self.images)

    def as_json(self) -> dict[str, Any]:
        """The contract of `hide --json`."""
        return {
            "method": self.method,
            "anamorph": self.anamorph,
            "parameters": self.parameters,
            "models": self.models,
            "key": self.key,
            "weakness": self.weakness,
            "out": self.out,
            "summary": self.summary,
            "images": [i.as_json() for i in self.images],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealRecord:
    """What became of one hidden picture."""

    source: str
    output: str | None = None
    status: Literal["revealed", "failed", "skipped"]
    reason: str = ""
    """Why it failed or was skipped; or what happened to the file that it survived."""
    exact: bool | None = None
    """Whether this is the original file bit for bit, proved by its seal."""
    cosine: float | None = None
    """With a service model that embeds: between its readings of the hidden and the revealed."""
    kept: bool | None = None
    """With a service model that classifies: whether both readings are the same."""
    seconds: float = 0.0
    output_sha256: str | None = None

    def failed(self, error: Exception) -> "RevealRecord":
        """The record of the same picture, ended by an error."""
        why = reason(self.source, error)
        return replace(self, output=None, output_sha256=None, status="failed", reason=why)

    def as_json(self) -> dict[str, Any]:
        """Plain values, floats rounded to what they mean."""
        return rounded(asdict(self))


RevealDone: TypeAlias = Callable[[RevealRecord], None]
"""Called with each picture's record as it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealReport:
    """What a run of `reveal` did."""

    key: str
    """The key's fingerprint."""
    images: Sequence[RevealRecord]
    seconds: float
    out: str
    anamorph: str = ""

    @property
    def summary(self) -> dict[str, Any]:
        """Counts and the time."""
        return {
            "images": len(self.images),
            **_counts(self.images, ("revealed", "failed", "skipped")),
            "exact": sum(i.exact is True for i in self.images),
            "seconds": round(self.seconds, 3),
        }

    @property
    def ok(self) -> bool:
        """Whether no picture failed."""
        return not any(i.status == "failed" for i in self.images)

    def as_json(self) -> dict[str, Any]:
        """The contract of `reveal --json`."""
        return {
            "anamorph": self.anamorph,
            "key": self.key,
            "out": self.out,
            "summary": self.summary,
            "images": [i.as_json() for i in self.images],
        }


def _counts(
    images: Sequence[HideRecord] | Sequence[RevealRecord], statuses: Sequence[str]
) -> dict[str, int]:
    return {status: sum(i.status == status for i in images) for status in statuses}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(fmean(known), 5) if known else None
