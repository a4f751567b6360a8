"""`/v1/jobs`: what one has, progress, events, results, cancelling; and what the service has."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anamorph.service.core import Service
from anamorph.service.refusals import Busy, Conflict, Missing
from anamorph.service.status import JobStatus
from anamorph.service.web import openapi
from anamorph.service.web.answers import (
    JobAnswer,
    JobsAnswer,
    ModelsAnswer,
    job_answer,
    jobs_answer,
)
from anamorph.service.web.submitting import client_of, file_answer
from anamorph.service.web.zipping import zipped

_LOOK = 0.4
_SILENCE = 15.0
"""Seconds after which an event stream says that it is still there."""

_STREAMS = 200
"""Event streams at the same time."""

_Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of the job.")]
_Limit = Annotated[int, Query(ge=1, le=100, description="How many at the most.")]
_Before = Annotated[
    str | None,
    Query(pattern="^[0-9a-f]{32}$", description="Id of a job: go on with those that are older."),
]
_Place = Annotated[int, Path(ge=0, le=100_000, description="Number of the picture, from 0.")]


def looking(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter()
    keep = service.settings.bounds.keep_seconds
    streams = asyncio.Semaphore(_STREAMS)

    async def job_of(job: str, request: Request) -> JobStatus:
        client = client_of(request, _scope(request))
        status: JobStatus = await to_thread.run_sync(service.jobs.status, job, client.sees)
        return status

    @router.get("/v1/models", responses=openapi.problems(*openapi.EVERYWHERE))
    async def models(request: Request) -> ModelsAnswer:
        """The models that requests may name."""
        client_of(request, _scope(request))
        workers = await to_thread.run_sync(service.queue.workers)
        if not workers:
            raise Busy("no worker is ready yet; come back in a moment", 2)
        return ModelsAnswer.model_validate(
            {
                "models": next(iter(workers.values())),
                "keys": sorted(service.settings.keys),
                "shadows": sorted(service.settings.shadows),
            }
        )

    @router.get("/v1/jobs", responses=openapi.problems(*openapi.OF_JOBS))
    async def jobs(request: Request, limit: _Limit = 20, before: _Before = None) -> JobsAnswer:
        """One's own jobs, the newest first; for admins, all."""
        client = client_of(request, _scope(request))
        found = await to_thread.run_sync(service.jobs.newest, client.sees, limit + 1, before)
        return jobs_answer(found, limit, keep)

    @router.get("/v1/jobs/{job}", responses=openapi.problems(*openapi.OF_JOBS))
    async def status(job: _Id, request: Request) -> JobAnswer:
        """Where a job stands."""
        return job_answer(await job_of(job, request), keep)

    @router.delete("/v1/jobs/{job}", status_code=204, responses=openapi.problems(*openapi.OF_JOBS))
    async def delete(job: _Id, request: Request) -> None:
        """Stop a job, and remove it with all its files."""
        client = client_of(request, _scope(request))
        await to_thread.run_sync(service.jobs.delete, job, client.sees)

    @router.post("/v1/jobs/{job}/cancel", responses=openapi.problems(*openapi.OF_JOBS))
    async def cancel(job: _Id, request: Request) -> JobAnswer:
        """Stop a job; the results that are there stay."""
        client = client_of(request, _scope(request))
        await to_thread.run_sync(service.jobs.cancel, job, client.sees)
        return job_answer(await job_of(job, request), keep)

    @router.get(
        "/v1/jobs/{job}/events",
        response_class=Response,
        responses={
            200: {
                "description": "Server-sent events: `progress` whenever something has changed, "
                "then `end`; each holds the job.",
                "content": {"text/event-stream": {}},
            },
            **openapi.problems(*openapi.OF_JOBS),
        },
    )
    async def events(job: _Id, request: Request) -> Response:
        """Follow a job."""
        await job_of(job, request)
        if streams.locked():
            raise Busy("too many event streams; ask for the job itself instead", 10)

        async def told() -> AsyncIterator[str]:
            async with streams:
                async for event in _events(lambda: job_of(job, request), keep):
                    yield event

        return StreamingResponse(told(), media_type="text/event-stream")

    @router.get(
        "/v1/jobs/{job}/results/{place}",
        response_class=Response,
        responses={200: openapi.results(), **openapi.problems(*openapi.OF_JOBS, 409)},
    )
    async def result(job: _Id, place: _Place, request: Request) -> Response:
        """One result."""
        found = await job_of(job, request)
        if place >= len(found.items):
            raise Missing(f"the job has {len(found.items)} pictures, and none of number {place}")
        item = found.items[place]
        if item.state != "done":
            raise Conflict(f"{item.name}: is {item.state}, so there is no result")
        return file_answer(service, job, item)

    @router.get(
        "/v1/jobs/{job}/results",
        response_class=Response,
        responses={
            200: {
                "description": "All results that are there, and `records.json`.",
                "content": {"application/zip": {"schema": {"type": "string"}}},
            },
            **openapi.problems(*openapi.OF_JOBS),
        },
    )
    async def results(job: _Id, request: Request) -> Response:
        """All results in one zip file."""
        found = await job_of(job, request)
        records = json.dumps(job_answer(found, keep).model_dump()["items"], indent=2)
        content: Iterator[bytes] = zipped(found, service.jobs.folder(job), records)
        headers = {"Content-Disposition": f'attachment; filename="{found.verb}-{job[:8]}.zip"'}
        return StreamingResponse(content, media_type="application/zip", headers=headers)

    return router


def _scope(request: Request) -> str:
    """Any scope will do for looking at one's own jobs."""
    return "protect" if request.state.client.may("protect") else "reveal"


async def _events(look: Callable[[], Awaitable[JobStatus]], keep: float) -> AsyncIterator[str]:
    before, said = "", time.monotonic()
    while True:
        try:
            status = await look()
        except Missing:
            yield "event: end\ndata: null\n\n"
            return
        data = job_answer(status, keep).model_dump_json()
        if status.finished is not None:
            yield f"event: end\ndata: {data}\n\n"
            return
        if data != before:
            yield f"event: progress\ndata: {data}\n\n"
            before, said = data, time.monotonic()
        elif time.monotonic() - said > _SILENCE:
            yield ": still there\n\n"
            said = time.monotonic()
        await asyncio.sleep(_LOOK)
