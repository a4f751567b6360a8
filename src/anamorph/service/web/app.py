"""The application: routes, errors, metrics and the page, behind the guard."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from anamorph import __version__
from anamorph.errors import AnamorphError
from anamorph.service.core import Service
from anamorph.service.problems import plain, problem
from anamorph.service.refusals import Busy, Malformed
from anamorph.service.status import STATES
from anamorph.service.web import openapi
from anamorph.service.web.bell import Bell
from anamorph.service.web.guard import Guard, answer
from anamorph.service.web.looking import looking
from anamorph.service.web.rates import Rates
from anamorph.service.web.submitting import client_of, submitting

_STATIC = Path(__file__).parents[1] / "static"
_CLEAN = 60.0
"""Seconds between looks for jobs whose time is over."""

_log = logging.getLogger("anamorph.service")


def create_app(service: Service) -> ASGIApp:
    """The whole web side of a service; its workers run while the application does."""
    registry = CollectorRegistry()
    bell = Bell(service.jobs.ended)
    app = FastAPI(
        title="anamorph",
        version=__version__,
        summary="Pictures and face features that only the models their owner trusts can use.",
        openapi_url="/openapi.json",
        docs_url=None,  # the pages of FastAPI load scripts from other hosts
        redoc_url=None,
        lifespan=lambda _: _running(service, bell),
    )
    bearer = HTTPBearer(auto_error=False, description="A token of `anamorph serve token new`.")
    routers = (submitting(service, bell), looking(service))
    for router in routers:
        app.include_router(router, dependencies=[Security(bearer)])
    _add_errors(app, (app.router, *routers))
    _add_health(app, service, registry)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(_STATIC / "index.html", media_type="text/html")

    bounds = service.settings.bounds
    return Guard(
        app,
        client=service.tokens.client,
        rates=Rates(per_minute=bounds.requests_per_minute, burst=bounds.burst),
        requests=Counter(
            "anamorph_requests", "Requests answered.", ("verb", "status"), registry=registry
        ),
        seconds=Histogram(
            "anamorph_request_seconds", "Seconds to the end of an answer.", ("verb",),
            registry=registry,
        ),
    )  # fmt: skip


@asynccontextmanager
async def _running(service: Service, bell: Bell) -> AsyncIterator[None]:
    await to_thread.run_sync(service.crew.start)
    tasks = [asyncio.create_task(bell.ring()), asyncio.create_task(_clean(service))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await to_thread.run_sync(service.crew.stop)
        service.database.close()


async def _clean(service: Service) -> None:
    every = min(_CLEAN, service.settings.bounds.keep_seconds)
    while True:
        try:
            await to_thread.run_sync(service.jobs.expire)
        except AnamorphError as error:
            _log.warning("%s", error)
        except Exception:  # else nothing would be deleted any more
            _log.exception("cleaning failed, and is tried again in %.0f s", every)
        await asyncio.sleep(every)


def _add_errors(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    @app.exception_handler(AnamorphError)
    async def refused(request: Request, error: AnamorphError) -> Response:
        told = problem(error)
        if told.status == 500:
            _log.error("%s %s: %s", request.method, request.url.path, error)
        return answer(told)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        return answer(problem(error))  # it is raised again: the guard logs it

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return answer(problem(Malformed("; ".join(faults))))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        response = answer(plain(error.status_code, str(error.detail)))
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(sorted(_methods(routers, request)))
        return response


def _methods(routers: Sequence[APIRouter], request: Request) -> set[str]:
    """All methods of a path: a route by itself knows only its own."""
    routes = (route for router in routers for route in router.routes)
    found = (route for route in routes if route.matches(request.scope)[0] != Match.NONE)
    return set().union(*(getattr(route, "methods", None) or () for route in found))


def _add_health(app: FastAPI, service: Service, registry: CollectorRegistry) -> None:
    items = Gauge("anamorph_items", "Pictures by state.", ("state",), registry=registry)
    workers = Gauge("anamorph_workers", "Workers that are there.", registry=registry)
    restarts = Gauge("anamorph_worker_restarts", "Workers started again.", registry=registry)

    @app.get("/healthz", response_class=Response, responses={
        200: {"description": "The process runs.", "content": {"text/plain": {}}},
    })  # fmt: skip
    async def healthz() -> Response:
        """Whether the process runs."""
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", responses=openapi.problems(503))
    async def readyz() -> dict[str, int]:
        """Whether requests can be worked on."""
        there = await to_thread.run_sync(service.queue.workers)
        if not there:
            raise Busy("no worker is ready yet", 2)
        return {"workers": len(there)}

    @app.get(
        "/metrics",
        response_class=Response,
        dependencies=[Security(HTTPBearer(auto_error=False))],
        responses={
            200: {"description": "For Prometheus.", "content": {"text/plain": {}}},
            **openapi.problems(*openapi.EVERYWHERE),
        },
    )
    async def metrics(request: Request) -> Response:
        """Counts and times, for tokens with the scope `admin`."""
        client_of(request, "admin")
        counts = await to_thread.run_sync(service.jobs.counts)
        for state in STATES:
            items.labels(state).set(counts.get(state, 0))
        workers.set(len(await to_thread.run_sync(service.queue.workers)))
        restarts.set(service.crew.restarts)
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
