"""The result of an audit, and what it writes as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anamorph.auditing.analyses import Analysis
from anamorph.auditing.figures import (
    AdaptiveFigures,
    DetectionFigures,
    ModelFigures,
    PanelMeans,
    PictureReading,
    Under,
)
from anamorph.metrics.accuracy import LEVEL, Share

SCHEMA = "anamorph_audit"
VERSION = 1
DIGITS = 6
"""To which JSON rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFigures:
    """What was found of one picture."""

    source: str
    """The original; empty where a protected file has none."""
    output: str
    """The protected file; empty where the original has none."""
    reason: str = ""
    """Why it could not be audited; empty where it was."""
    label: int | None = None
    """As the authorized model numbers its classes."""
    linf: float | None = None
    """Largest change of a value, in 8-bit levels."""
    psnr: float | None = None
    """In dB; None of equal pictures."""
    ssim: float | None = None
    readings: tuple[PictureReading, ...] = ()
    """The authorized model first; models that crashed are left out."""

    @property
    def audited(self) -> bool:
        """Whether the models read it."""
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How the protected pictures look, over all of them."""

    psnr_median: float | None
    ssim_median: float | None
    linf_max: float | None
    n: int
    lpips_median: float | None = None
    """None where it was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How it was measured."""

    labeled: bool
    """Whether right means a given label; else it means the model's own clean reading."""
    attacks: Mapping[str, str]
    """What each one does, by name."""
    controls: Mapping[str, str]
    least_cosine: float
    seed: int
    command: str
    """What to type to measure it again."""
    versions: Mapping[str, str]
    protected_for: Mapping[str, Any]
    """The models that the protected folder's manifest names; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found."""

    authorized: ModelFigures
    panel: tuple[ModelFigures, ...]
    means: PanelMeans
    adaptive: tuple[AdaptiveFigures, ...]
    """What an attacker reads who learned from some of the pictures; empty where none was tried."""
    detection: DetectionFigures | None
    """How well the files are told from originals; None where nobody asked, or too few are left."""
    analyses: tuple[Analysis, ...]
    """What changes inside the models, the authorized one first; empty where nobody asked."""
    quality: Quality
    images: tuple[PictureFigures, ...]
    method: Method
    notes: tuple[str, ...]
    """What the reader should know besides."""
    seconds: float
    out: str
    """Where the reports are."""

    @property
    def audited(self) -> tuple[PictureFigures, ...]:
        """The pictures that the models read."""
        return tuple(image for image in self.images if image.audited)

    @property
    def failed(self) -> tuple[PictureFigures, ...]:
        """The pictures that could not be audited."""
        return tuple(image for image in self.images if not image.audited)

    @property
    def ok(self) -> bool:
        """Whether every picture and every model could be audited."""
        return not self.failed and not any(model.error for model in self.panel)

    def as_json(self) -> dict[str, Any]:
        """The contract of `audit.json`."""
        return {
            SCHEMA: VERSION,
            "authorized": _model(self.authorized, self.authorized),
            "panel": [_model(model, self.authorized) for model in self.panel],
            **_shares({"panel_kept_mean": self.means.kept}),
            "under": {
                name: _shares(
                    {
                        "panel_kept_mean": under.kept,
                        "panel_clean_mean": under.clean,
                        "authorized": self.authorized.under[name].kept,
                        "authorized_clean": self.authorized.under[name].clean,
                    }
                )
                for name, under in self.means.under.items()
            },
            "controls": {
                name: _shares(
                    {"panel_kept_mean": kept, "authorized": self.authorized.controls[name]}
                )
                for name, kept in self.means.controls.items()
            },
            "quality": _plain(self.quality),
            "adaptive": [_adaptive(row) for row in self.adaptive],
            "detection": None if self.detection is None else _detection(self.detection),
            "analyses": [_plain(row) for row in self.analyses],
            "summary": {
                "images": len(self.images),
                "audited": len(self.audited),
                "failed": len(self.failed),
                "panel": len(self.panel),
                "panel_counted": self.means.models,
                "panel_failed": sum(bool(model.error) for model in self.panel),
                "seconds": round(self.seconds, 3),
            },
            "notes": list(self.notes),
            "measuring": {
                "right": "the label" if self.method.labeled else "the model's own clean reading",
                "kept": "of the pictures a model reads right when clean, those still read right; "
                "an embedding is read right while its cosine to the clean one is at least "
                f"{self.method.least_cosine}",
                "interval": f"{LEVEL:.0%} Wilson score interval of n; of a mean over models, at "
                "the smallest n of any of them",
                **_plain(self.method),
            },
            "images": [_picture(image) for image in self.images],
        }


def _model(model: ModelFigures, authorized: ModelFigures) -> dict[str, Any]:
    figures = {
        "clean": model.clean,
        "protected": model.protected,
        "kept": model.kept,
        "agreement": model.agreement,
        "confidence_clean": model.confidence_clean,
        "confidence_protected": model.confidence_protected,
    }
    return {
        "name": model.name,
        "task": model.task,
        **_shares(figures),
        "cosine": _rounded(model.cosine),
        "surrogate": model.surrogate,
        "error": model.error or None,
        "under": {name: _under(u, authorized.under[name]) for name, u in model.under.items()},
        "controls": {name: _shares({"kept": kept}) for name, kept in model.controls.items()},
        "sha256": model.sha256,
        "weights_sha256": model.weights_sha256,
    }


def _adaptive(row: AdaptiveFigures) -> dict[str, Any]:
    figures = {
        "kept_before": row.before,
        "kept": row.after,
        "clean_before": row.clean_before,
        "clean": row.clean_after,
    }
    return {
        "name": row.model,
        "way": row.way,
        "pictures": row.pictures,
        "held_out": row.held_out,
        "complete": row.complete,
        "learned": row.learned,
        **_shares(figures),
    }


def _detection(row: DetectionFigures) -> dict[str, Any]:
    return {
        "learned_from": row.learned_from,
        "held_out": row.held_out,
        **_shares({"accuracy": row.accuracy, "auc": row.auc}),
    }


def _under(under: Under, authorized: Under) -> dict[str, Any]:
    return _shares({"kept": under.kept, "clean": under.clean, "authorized": authorized.kept})


def _shares(shares: Mapping[str, Share]) -> dict[str, Any]:
    """Each share by its name, and beside them `n`, `low` and `high` by the same names."""
    return {
        **{name: _rounded(s.value) for name, s in shares.items()},
        "n": {name: s.n for name, s in shares.items()},
        "low": {name: _rounded(s.low) for name, s in shares.items()},
        "high": {name: _rounded(s.high) for name, s in shares.items()},
    }


def _picture(image: PictureFigures) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(image)
    return {"status": "audited" if image.audited else "failed", **plain}


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, floats rounded."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
