"""Where jobs and their items stand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anamorph.service.database import Row

STATES = ("queued", "running", "done", "failed", "cancelled")
"""Of items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatus:
    """Where an item stands."""

    place: int
    name: str
    state: str
    steps: int
    effort: int
    """Steps it will take, as far as that is known; else 0."""
    record: Mapping[str, Any]
    kind: str
    reason: str
    output: str
    media: str

    @property
    def progress(self) -> float:
        """The share of its steps that were taken; 1 once it has ended."""
        if self.state in ("queued", "running"):
            return min(self.steps / self.effort, 0.99) if self.effort else 0.0
        return 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """Where a job stands."""

    id: str
    owner: str
    verb: str
    created: float
    finished: float | None
    cancelled: bool
    items: Sequence[ItemStatus]

    @property
    def counts(self) -> dict[str, int]:
        """Items by state."""
        states = [item.state for item in self.items]
        return {state: states.count(state) for state in STATES}

    @property
    def state(self) -> str:
        """Of the job as a whole."""
        return _state(self.counts, finished=self.finished, cancelled=self.cancelled)

    @property
    def progress(self) -> float:
        """The share that is done, steps of running items included."""
        return sum(item.progress for item in self.items) / len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A job in a list, without its items."""

    id: str
    verb: str
    created: float
    finished: float | None
    cancelled: bool
    counts: Mapping[str, int]
    """Items by state."""

    @property
    def state(self) -> str:
        """Of the job as a whole."""
        return _state(self.counts, finished=self.finished, cancelled=self.cancelled)


def job_summary(row: Row, counts: Mapping[str, int]) -> JobSummary:
    """The summary that a row of the table and the states of its items tell."""
    return JobSummary(
        id=row["id"],
        verb=row["verb"],
        created=row["created"],
        finished=row["finished"],
        cancelled=bool(row["cancelled"]),
        counts=counts,
    )


def _state(counts: Mapping[str, int], *, finished: float | None, cancelled: bool) -> str:
    if cancelled:
        return "cancelled"
    if finished is not None:
        return "failed" if counts["failed"] else "done"
    return "running" if counts["queued"] < sum(counts.values()) else "queued"


def item_status(row: Row) -> ItemStatus:
    """The status that a row of the table tells."""
    return ItemStatus(
        place=row["place"],
        name=row["name"],
        state=row["state"],
        steps=row["steps"],
        effort=row["effort"],
        record=json.loads(row["record"] or "{}"),
        kind=row["kind"] or "",
        reason=row["reason"] or "",
        output=row["output"] or "",
        media=row["media"] or "",
    )
