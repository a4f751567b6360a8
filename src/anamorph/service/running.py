"""A service from its start to its end."""

import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from anamorph.errors import NotWritten, UsageError
from anamorph.service.core import Service, open_service
from anamorph.service.settings import Settings
from anamorph.service.tokens import SCOPES
from anamorph.service.web.app import create_app

_LOOK = 0.2
_FIRST = "made at the start"
_FIRST_TOKEN = 24 * 3600.0
"""Seconds for which the token that is made by itself is taken."""


def run(
    settings: Settings,
    certificate: Path | None = None,
    private_key: Path | None = None,
    *,
    said: Callable[[str], None],
) -> None:
    """Serve until told to stop.

    Args:
        settings: the operator's.
        certificate: for https.
        private_key: of the certificate.
        said: told where the page is.

    Raises:
        UsageError: a worker cannot use the settings; why is in the log.
        NotWritten, StoreFailed: data or database cannot be reached.
    """
    service = open_service(settings)
    server = uvicorn.Server(_config(service, certificate, private_key))
    scheme = "http" if certificate is None else "https"
    told = threading.Event()

    def watch() -> None:
        while not server.should_exit and not told.wait(_LOOK):
            if service.crew.refused.is_set():
                server.should_exit = True
            elif server.started:
                port = server.servers[0].sockets[0].getsockname()[1]
                said(_welcome(service, f"{scheme}://{_reachable(settings.host)}:{port}/"))
                told.set()
        while not server.should_exit:
            if service.crew.refused.wait(_LOOK):
                server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()
    if service.crew.refused.is_set():
        raise UsageError("a worker cannot use the settings; its message stands above")
    if not server.started:
        raise NotWritten(f"{settings.host}:{settings.port}: cannot be listened on; choose another")


def _config(service: Service, certificate: Path | None, private_key: Path | None) -> uvicorn.Config:
    settings = service.settings
    return uvicorn.Config(
        create_app(service),
        host=settings.host,
        port=settings.port,
        ssl_certfile=certificate,
        ssl_keyfile=private_key,
        server_header=False,
        date_header=True,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=1000,
        h11_max_incomplete_event_size=64 * 1024,
        log_level="info",
        access_log=False,  # paths hold the names of jobs, which are as good as results for admins
        ws="none",
    )


def _reachable(host: str) -> str:
    """A host as it stands in addresses; where all are listened to, the one that browsers trust."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _welcome(service: Service, page: str) -> str:
    """Where the page is; with a token in the address while the operator has made none.

    What follows the # is never sent to a server, so it stands in no log.
    """
    tokens = service.tokens
    valid = [one for one in tokens.all() if one.valid]
    if any(one.note != _FIRST for one in valid):
        return f"the page is at {page}; it asks for a token"
    for old in valid:
        tokens.revoke(old.id)
    token = tokens.new(SCOPES, _FIRST, _FIRST_TOKEN)
    return (
        f"the page is at {page}#token={token} for 24 hours; `anamorph serve token new` makes "
        "tokens for others"
    )
