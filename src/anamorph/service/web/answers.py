"""What the service answers in JSON."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from anamorph.service.problems import told
from anamorph.service.status import ItemStatus, JobStatus, JobSummary


class ItemAnswer(BaseModel):
    """One picture of a job."""

    place: int
    """Its number in the request, from 0."""
    name: str
    state: str
    """`queued`, `running`, `done`, `failed` or `cancelled`."""
    progress: float
    record: dict[str, Any]
    """What was measured."""
    problem: dict[str, Any] | None
    """Why it failed."""
    result: str | None
    """Where the result is."""


class JobAnswer(BaseModel):
    """A job."""

    id: str
    verb: str
    state: str
    """`queued`, `running`, `done`, `failed` (some pictures did) or `cancelled`."""
    progress: float
    """The share that is done."""
    counts: dict[str, int]
    created: float
    """Seconds since 1970."""
    expires: float | None
    """When it is deleted; null while it is not finished."""
    items: list[ItemAnswer]


class SummaryAnswer(BaseModel):
    """A job in a list."""

    id: str
    verb: str
    state: str
    """As in the job itself."""
    counts: dict[str, int]
    created: float
    """Seconds since 1970."""
    expires: float | None
    """When it is deleted; null while it is not finished."""


class JobsAnswer(BaseModel):
    """Jobs, the newest first."""

    jobs: list[SummaryAnswer]
    next: str | None
    """Where those that are older are; null where there are none."""


class ModelAnswer(BaseModel):
    """A model that requests may name."""

    name: str
    task: str
    labels: int
    height: int
    width: int
    protects: bool
    """Whether pictures can be protected for it."""
    weights_sha256: str


class ModelsAnswer(BaseModel):
    """The models of the service, and the names of its keys and decoders."""

    models: list[ModelAnswer]
    keys: list[str]
    shadows: list[str]


def job_answer(job: JobStatus, keep: float) -> JobAnswer:
    """A job as its owner sees it."""
    return JobAnswer(
        id=job.id,
        verb=job.verb,
        state=job.state,
        progress=round(job.progress, 4),
        counts=job.counts,
        created=job.created,
        expires=_expires(job.finished, keep),
        items=[_item(job.id, item) for item in job.items],
    )


def jobs_answer(found: Sequence[JobSummary], limit: int, keep: float) -> JobsAnswer:
    """One page of a list: of `limit` jobs, and there are more where one more was found."""
    page = found[:limit]
    return JobsAnswer(
        jobs=[
            SummaryAnswer(
                id=job.id,
                verb=job.verb,
                state=job.state,
                counts=dict(job.counts),
                created=job.created,
                expires=_expires(job.finished, keep),
            )
            for job in page
        ],
        next=f"/v1/jobs?limit={limit}&before={page[-1].id}" if len(found) > limit else None,
    )


def _expires(finished: float | None, keep: float) -> float | None:
    return None if finished is None else finished + keep


def _item(job: str, item: ItemStatus) -> ItemAnswer:
    failed = item.state == "failed"
    return ItemAnswer(
        place=item.place,
        name=item.name,
        state=item.state,
        progress=round(item.progress, 4),
        record=dict(item.record),
        problem=dict(told(item.kind, item.reason).body) if failed else None,
        result=f"/v1/jobs/{job}/results/{item.place}" if item.state == "done" else None,
    )
