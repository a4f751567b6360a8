"""The result of an audit of shielded features, and what it writes as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anamorph.auditing.audit import SCHEMA, VERSION
from anamorph.auditing.hidden.result import Named, plain
from anamorph.auditing.shielded.figures import Accuracy, Attempt, Group, Link, StoreFigures
from anamorph.metrics.accuracy import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A picture that could not be audited."""

    picture: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How it was measured."""

    layer: str
    """Where the recognizer is cut; empty for its embeddings."""
    threshold: float | None
    threshold_means: str
    chance: float
    """The share of a line-up that blind guessing picks right."""
    updates: int
    """Of each decoder that was trained."""
    inverted: int
    """Faces that inversions were tried on."""
    seed: int
    command: str
    """What to type to measure it again."""
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldAudit:
    """What an audit of shielded features found."""

    store: StoreFigures
    recognizer: Named
    judge: Named
    attempts: tuple[Attempt, ...]
    accuracy: Accuracy
    links: tuple[Link, ...]
    missed: tuple[Missed, ...]
    method: Method
    notes: tuple[str, ...]
    """What the reader should know besides."""
    seconds: float
    out: str
    """Where the reports are."""

    @property
    def ok(self) -> bool:
        """Whether every picture and every attacker could be tried."""
        return not self.missed and not any(row.error for row in self.attempts)

    def of(self, *groups: Group) -> tuple[Attempt, ...]:
        """The attempts of some groups that could be made."""
        return tuple(row for row in self.attempts if row.group in groups and not row.error)

    def as_json(self) -> dict[str, Any]:
        """The contract of `audit.json`."""
        return {
            SCHEMA: VERSION,
            "audited": "shield",
            "store": plain(self.store),
            "recognizer": plain(self.recognizer),
            "judge": plain(self.judge),
            "attempts": _listed(self.attempts),
            "accuracy": plain(self.accuracy),
            "links": _listed(self.links),
            "missed": _listed(self.missed),
            "summary": {
                "rows": self.store.rows,
                "paired": self.store.paired,
                "missed": len(self.missed),
                "seconds": round(self.seconds, 3),
            },
            "notes": list(self.notes),
            "measuring": {
                "picked": "of a line-up of all the attacked faces, those that the judge finds "
                "their reconstruction most like",
                "replayed": "reconstructions whose reading by the recognizer has a cosine to that "
                "of the face above the threshold",
                "interval": f"{LEVEL:.0%}: of shares the Wilson score interval of n, of means "
                "Student's t",
                **plain(self.method),
            },
        }


def _listed(rows: Sequence[Any]) -> list[Any]:
    return [plain(row) for row in rows]
