"""The result of an audit of hidden pictures, and what it writes as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anamorph.auditing.audit import DIGITS, SCHEMA, VERSION
from anamorph.auditing.hidden.figures import HiddenPicture, KindFigures
from anamorph.metrics.accuracy import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A model of the audit."""

    name: str
    task: str
    sha256: str
    weights_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How it was measured."""

    least_cosine: float
    seed: int
    command: str
    """What to type to measure it again."""
    versions: Mapping[str, str]
    attackers_see: str
    """The size at which attackers see the pictures."""
    inversion_steps: int
    hidden_for: Mapping[str, Any]
    """The models that the hidden folder's manifest names; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HideAudit:
    """What an audit of hidden pictures found."""

    service: Named
    judge: Named | None
    key: str
    """The fingerprint of the key that was given."""
    kinds: tuple[KindFigures, ...]
    images: tuple[HiddenPicture, ...]
    method: Method
    notes: tuple[str, ...]
    """What the reader should know besides."""
    seconds: float
    out: str
    """Where the reports are."""

    @property
    def audited(self) -> tuple[HiddenPicture, ...]:
        """The pictures that were measured."""
        return tuple(image for image in self.images if image.audited)

    @property
    def failed(self) -> tuple[HiddenPicture, ...]:
        """The pictures that could not be."""
        return tuple(image for image in self.images if not image.audited)

    @property
    def ok(self) -> bool:
        """Whether every picture, model and attacker could be tried."""
        attempts = [a for kind in self.kinds for a in (*kind.attempts, *kind.shared)]
        attempts += [a for kind in self.kinds for a in kind.inverted]
        judged = [kind.judge.error for kind in self.kinds if kind.judge is not None]
        return not self.failed and not any(a.error for a in attempts) and not any(judged)

    def as_json(self) -> dict[str, Any]:
        """The contract of `audit.json`."""
        return {
            SCHEMA: VERSION,
            "audited": "hide",
            "service": plain(self.service),
            "judge": plain(self.judge),
            "key": self.key,
            "kinds": [plain(kind) for kind in self.kinds],
            "summary": {
                "images": len(self.images),
                "audited": len(self.audited),
                "failed": len(self.failed),
                "seconds": round(self.seconds, 3),
            },
            "notes": list(self.notes),
            "measuring": {
                "read": "the same best class as in the original, or a cosine of at least "
                f"{self.method.least_cosine}",
                "picked": "of a line-up of all the originals, those that what was made of them "
                "resembles most: by the judge where it embeds, else by block correlation",
                "interval": f"{LEVEL:.0%}: of shares the Wilson score interval of n, of means "
                "Student's t",
                **plain(self.method),
            },
            "images": [
                {"status": "audited" if image.audited else "failed", **plain(image)}
                for image in self.images
            ],
        }


def rounded(value: float) -> float:
    """As JSON and the page give it."""
    return round(value, DIGITS)


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, floats rounded."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(v) for v in value]
    return rounded(value) if isinstance(value, float) else value
