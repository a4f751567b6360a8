"""What a run reports of every picture, and of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from anamorph.app.ledger import reason

Status = Literal["protected", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRecord:
    """What became of one picture. Figures are measured on the decoded output."""

    source: str
    output: str | None = None
    status: Status
    reason: str = ""
    label: int | None = None
    """The class to keep, from the labels given."""
    prediction_before: str | int | None = None
    """The first authorized model's answer on the original: the label's text, or its number."""
    prediction_after: str | int | None = None
    cosine: float | None = None
    """For embedding models: cosine between the readings before and after."""
    kept: bool | None = None
    """Whether a right reading is still right; None where the original was read wrongly."""
    also_kept: Mapping[str, bool] | None = None
    """Whether each further authorized model reads in the file what it read in the original; None
    where there is one model."""
    survives: Mapping[str, bool] | None = None
    """Whether all authorized models read the file right in each form it was to survive; None
    where there is none."""
    linf: float | None = None
    """Largest change of a value, in 8-bit levels."""
    psnr: float | None = None
    """In dB."""
    ssim: float | None = None
    steps: int = 0
    attempts: int = 0
    seconds: float = 0.0
    """From decoded to judged, in the company of the pictures of its batch."""
    source_sha256: str | None = None
    output_sha256: str | None = None

    def failed(self, error: Exception) -> "PictureRecord":
        """The record of the same picture, ended by an error."""
        return PictureRecord(source=self.source, status="failed", reason=reason(self.source, error))

    def as_json(self) -> dict[str, Any]:
        """Plain values, floats rounded to what they mean."""
        return rounded(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectReport:
    """What a run of `protect` did."""

    method: str
    parameters: dict[str, Any]
    models: dict[str, Any]
    seed: int
    images: Sequence[PictureRecord]
    seconds: float
    out: str
    anamorph: str = field(default="")

    @property
    def summary(self) -> dict[str, Any]:
        """Counts, the share of right readings kept, and the time."""
        count = {
            s: sum(i.status == s for i in self.images) for s in ("protected", "failed", "skipped")
        }
        forms = dict.fromkeys(name for i in self.images for name in i.survives or ())
        read = {n: [i.survives[n] for i in self.images if i.survives] for n in forms}
        others = dict.fromkeys(name for i in self.images for name in i.also_kept or ())
        also = {n: [i.also_kept[n] for i in self.images if i.also_kept] for n in others}
        judged = [i.kept for i in self.images if i.kept is not None]
        return {
            "images": len(self.images),
            **count,
            "authorized_kept": sum(judged) / len(judged) if judged else None,
            "also_kept": {name: sum(said) / len(said) for name, said in also.items()},
            "survives": {name: sum(said) / len(said) for name, said in read.items()},
            "seconds": round(self.seconds, 3),
        }

    @property
    def ok(self) -> bool:
        """Whether no picture failed."""
        return not any(i.status == "failed" for i in self.images)

    def as_json(self) -> dict[str, Any]:
        """The contract of `protect --json`."""
        return {
            "method": self.method,
            "anamorph": self.anamorph,
            "parameters": self.parameters,
            "seed": self.seed,
            "models": self.models,
            "out": self.out,
            "summary": self.summary,
            "images": [i.as_json() for i in self.images],
        }


def rounded(record: Mapping[str, Any]) -> dict[str, Any]:
    """Floats rounded to what they mean."""
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in record.items()}
