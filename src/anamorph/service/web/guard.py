"""Before anything else sees a request: health, headers, who asks, how often. Pure ASGI.

Who asks is known before the body is read, so that nobody without a token gets a byte stored.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from anyio import to_thread
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anamorph.service.problems import MEDIA, Problem, problem
from anamorph.service.refusals import Unauthorized
from anamorph.service.tokens import Client
from anamorph.service.web.rates import Rates

_log = logging.getLogger("anamorph.service")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_BEARER = "bearer "


def answer(problem: Problem) -> Response:
    """A problem as a response."""
    return JSONResponse(
        dict(problem.body), problem.status, headers=dict(problem.headers), media_type=MEDIA
    )


class Guard:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        client: Callable[[str], Client],
        rates: Rates,
        requests: Counter,
        seconds: Histogram,
    ) -> None:
        self._app = app
        self._client = client
        self._rates = rates
        self._requests = requests
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        private = scope["path"].startswith("/v1/") or scope["path"] == "/metrics"
        began, sent = time.perf_counter(), _Sent(send, private=private)
        try:
            if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
                await PlainTextResponse("ok\n")(scope, receive, sent)
                return
            if private:
                await self._identify(scope)
            await self._app(scope, receive, sent)
        except Exception as error:
            told = problem(error)
            if told.status == 500:
                _log.error("%s %s: %s", scope["method"], scope["path"], error, exc_info=error)
            if not sent.started:
                await answer(told)(scope, receive, sent)
        finally:
            verb = _verb(scope)
            self._requests.labels(verb, str(sent.status)).inc()
            self._seconds.labels(verb).observe(time.perf_counter() - began)

    async def _identify(self, scope: Scope) -> None:
        address = (scope.get("client") or ("unknown",))[0]
        header = Headers(scope=scope).get("authorization", "")
        if not header.lower().startswith(_BEARER):
            self._rates.count(f"address {address}")
            raise Unauthorized("a token is needed; send `Authorization: Bearer TOKEN`")
        try:
            client = await to_thread.run_sync(self._client, header[len(_BEARER) :].strip())
        except Unauthorized:
            self._rates.count(f"address {address}")
            raise
        self._rates.count(f"token {client.id}")
        scope.setdefault("state", {})["client"] = client


class _Sent:
    """Adds headers to a response and remembers its status."""

    def __init__(self, send: Callable[[Message], Awaitable[None]], *, private: bool) -> None:
        self._send = send
        self._private = private
        self.started = False
        self.status = 0

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers.setdefault("Cache-Control", "no-store" if self._private else "no-cache")
        await self._send(message)


def _verb(scope: Scope) -> str:
    """A label of few values: never a path that a client made up."""
    parts = str(scope["path"]).strip("/").split("/")
    known = ("protect", "hide", "reveal", "shield", "read", "jobs", "models")
    if parts[0] == "v1" and len(parts) > 1 and parts[1] in known:
        return parts[1]
    return parts[0] if parts[0] in ("healthz", "readyz", "metrics") else "page"
