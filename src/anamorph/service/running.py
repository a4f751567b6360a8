"""A service from its start to its end."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn

from anamorph.auditing.wording import counted
from anamorph.errors import StoreFailed, UsageError
from anamorph.service.core import Service, open_service
from anamorph.service.listening import listening, refusal
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
        said: told that models are loaded, and once they are, where the page is.

    Raises:
        UsageError: host and port cannot be listened on, or certificate and key cannot be read,
            both of which are found before anything is made; or a worker cannot use the settings,
            and why is in the log.
        NotWritten, StoreFailed: data or database cannot be reached.
    """
    if certificate is not None:
        _check_certificate(certificate, private_key)
    with listening(settings.host, settings.port) as sockets:
        service = open_service(settings)
        server = uvicorn.Server(_config(service, certificate, private_key))
        scheme = "http" if certificate is None else "https"
        page = f"{scheme}://{_reachable(settings.host)}:{sockets[0].getsockname()[1]}/"
        said(f"loading {counted(len(settings.models), 'model')}; the address of the page follows")
        watch = threading.Thread(target=_watch, args=(service, server, page, said), daemon=True)
        watch.start()
        _serve(server, sockets, settings)
    if service.crew.refused.is_set():
        raise UsageError("a worker cannot use the settings; its message stands above")


def _check_certificate(certificate: Path, private_key: Path | None) -> None:
    def locked() -> str:
        raise UsageError(f"{private_key}: is locked by a passphrase; give a copy without one")

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, private_key, password=locked
        )
    except OSError as error:
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(
            f"{certificate} with {private_key}: cannot be used for https: {why or 'no PEM files'}; "
            "give a PEM file of a certificate and one of its key"
        ) from error


def _watch(
    service: Service, server: uvicorn.Server, page: str, said: Callable[[str], None]
) -> None:
    """Tell where the page is once a worker is ready; stop where workers refuse the settings."""
    told = False
    while not server.should_exit:
        if service.crew.refused.wait(_LOOK):
            server.should_exit = True
        elif not told and server.started and service.crew.ready:
            with suppress(StoreFailed):  # else it is tried again
                said(_welcome(service, page))
                told = True


def _serve(server: uvicorn.Server, sockets: Sequence[socket.socket], settings: Settings) -> None:
    """Run the server until it is told to stop.

    Raises:
        UsageError: it could not begin.
    """
    try:
        server.run(list(sockets))
    except OSError as error:
        if server.started:
            raise
        raise refusal(settings.host, settings.port, error) from error
    except SystemExit as stop:  # uvicorn's way to say that it could not begin
        raise UsageError("the service could not begin; its message stands above") from stop


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
