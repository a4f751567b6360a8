"""`POST /v1/protect` and its like: the answer for one picture is waited for, many are a job."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from anamorph.errors import AnamorphError, WrongPassphrase
from anamorph.keys.key import Key
from anamorph.service.core import Service
from anamorph.service.jobs import Submission, new_id
from anamorph.service.keyring import sent
from anamorph.service.media import result_name
from anamorph.service.problems import told
from anamorph.service.refusals import Busy, Forbidden, Missing
from anamorph.service.requests import FORMS, Form, parsed
from anamorph.service.status import ItemStatus, JobStatus
from anamorph.service.tokens import Client
from anamorph.service.web import openapi, uploads
from anamorph.service.web.answers import JobAnswer, job_answer
from anamorph.service.web.bell import Bell
from anamorph.service.web.guard import answer
from anamorph.service.web.uploads import Body

_OPENING = 2
"""Keys that are opened at the same time: a passphrase may take 256 MiB."""

_LOOK = 0.5
"""Seconds between looks whether the client is still there."""


def client_of(request: Request, scope: str) -> Client:
    """Who asks.

    Raises:
        Forbidden: the token lacks the scope.
    """
    client: Client = request.state.client
    if not client.may(scope):
        raise Forbidden(f"the token lacks the scope {scope!r}; ask the operator for another one")
    return client


def file_answer(service: Service, job: str, item: ItemStatus, then: Any = None) -> Response:
    """The file of a result, with what was measured.

    Raises:
        Missing: it is gone.
    """
    path = service.jobs.folder(job) / item.output
    if not item.output or not path.is_file():
        raise Missing("the result is gone; its time was over")
    name = result_name(str(item.record.get("name") or item.name), item.output).split("/")[-1]
    return FileResponse(
        path,
        media_type=item.media,
        headers={
            "Anamorph-Record": json.dumps(item.record),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        },
        background=then,
    )


@dataclass(frozen=True, slots=True)
class _Door:
    """What comes in, and how much of it at once."""

    service: Service
    bell: Bell
    receiving: asyncio.Semaphore
    opening: asyncio.Semaphore


def submitting(service: Service, bell: Bell) -> APIRouter:
    """The routes of all verbs."""
    router = APIRouter()
    receiving = asyncio.Semaphore(service.settings.bounds.uploads)
    door = _Door(service, bell, receiving, asyncio.Semaphore(_OPENING))
    for verb, form in FORMS.items():
        done = (
            {"description": "What the models read.", "content": {"application/json": {}}}
            if verb == "read"
            else openapi.results()
        )
        router.add_api_route(
            f"/v1/{verb}",
            _route(door, verb),
            methods=["POST"],
            name=verb,
            summary=(form.__doc__ or "").splitlines()[0],
            response_class=Response,
            responses={
                200: done,
                202: {"description": "A job was queued.", "model": JobAnswer},
                **openapi.problems(*openapi.SUBMITTING),
            },
            openapi_extra=openapi.body(verb),
        )
    return router


def _route(door: _Door, verb: str) -> Callable[[Request], Awaitable[Response]]:
    service = door.service

    async def submit(request: Request) -> Response:
        client = client_of(request, FORMS[verb].scope)
        await to_thread.run_sync(service.jobs.check_room)
        if door.receiving.locked():
            raise Busy("too many uploads at the same time; come back later", 1)
        async with door.receiving:
            body = await uploads.receive(request, service.settings.bounds)
            try:
                job = await _queued(door, verb, body, client, request)
            finally:
                await to_thread.run_sync(body.close)
        if not job.urgent:
            return await _accepted(service, job.id, client)
        return await _waited(service, door.bell, job, client, request)

    return submit


async def _queued(
    door: _Door, verb: str, body: Body, client: Client, request: Request
) -> Submission:
    service, kind = door.service, FORMS[verb]
    fields = dict(body.fields)
    passphrase = fields.pop("passphrase", [None])[0] if kind.keyed else None
    form = parsed(verb, fields)
    parts = uploads.items(body, kind, service.settings.bounds)
    data = await to_thread.run_sync(uploads.key_of, body)
    form.check(service.settings, key=data is not None)
    for part in (part for item in parts for part in item):
        form.check_upload(part.name)
    async with door.opening:
        key = None if data is None else await to_thread.run_sync(_opened, data, passphrase)
    job = new_id()
    folder = service.jobs.folder(job)
    later = "respond-async" in request.headers.get("prefer", "").lower()
    try:
        submission = Submission(
            id=job,
            owner=client.id,
            verb=verb,
            request=form.model_dump_json(),
            lane=_lane(form, key),
            urgent=len(parts) == 1 and not later,
            uploads=await uploads.store(parts, folder),
            secret=None if key is None else service.keyring.seal(key, job),
        )
        await to_thread.run_sync(service.jobs.submit, submission)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return submission


def _lane(form: Form, key: Key | None) -> str:
    return form.lane("" if key is None else key.fingerprint)


def _opened(data: bytes, passphrase: str | None) -> Key:
    try:
        return sent(data, passphrase)
    except WrongPassphrase as error:
        said = str(error).replace("with --passphrase-file", "in the field `passphrase`")
        raise WrongPassphrase(said) from None


async def _accepted(service: Service, job: str, client: Client) -> Response:
    status = await to_thread.run_sync(service.jobs.status, job, client.sees)
    content = job_answer(status, service.settings.bounds.keep_seconds).model_dump()
    return JSONResponse(content, 202, headers={"Location": f"/v1/jobs/{job}"})


async def _waited(
    service: Service, bell: Bell, job: Submission, client: Client, request: Request
) -> Response:
    """The answer, if it is there in time; then nothing of it is kept."""
    ended = await _while_there(service, bell, job.id, request)
    if not ended:
        return await _accepted(service, job.id, client)
    status: JobStatus = await to_thread.run_sync(service.jobs.status, job.id, client.sees)
    (item,) = status.items
    forget = BackgroundTask(_forget, service, job.id)
    if item.state != "done":
        kind = "Cancelled" if item.state == "cancelled" else item.kind
        response = answer(told(kind, item.reason or "it was cancelled"))
        response.background = forget
        return response
    return file_answer(service, job.id, item, forget)


async def _while_there(service: Service, bell: Bell, job: str, request: Request) -> bool:
    """Wait for a job for as long as its client does; one whose client is gone is deleted."""
    waiting = asyncio.create_task(bell.ended(job, service.settings.bounds.wait_seconds))
    while not waiting.done():
        await asyncio.wait([waiting], timeout=_LOOK)
        if not waiting.done() and await request.is_disconnected():
            waiting.cancel()
            await to_thread.run_sync(_forget, service, job)
            raise Missing("the client is gone")
    return waiting.result()


def _forget(service: Service, job: str) -> None:
    try:
        service.jobs.delete(job, None)
    except AnamorphError:  # then it is deleted when its time is over
        return
