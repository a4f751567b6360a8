"""The sockets of a service, taken before anything else is made."""

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from anamorph.errors import UsageError

_WAITING = 2048
"""Connections that wait to be taken, as uvicorn has them."""

_LESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""What an address says that this machine does without, as ::1 where there is no IPv6."""

_WHY = {
    errno.EADDRINUSE: "something listens there already; stop it, or choose another --port",
    errno.EACCES: "this user may not listen there; choose a --port from 1024 on",
    errno.EADDRNOTAVAIL: "is no address of this machine; choose another --host",
}


@contextmanager
def listening(host: str, port: int) -> Iterator[Sequence[socket.socket]]:
    """Sockets that listen at all addresses of a host, one or more; closed at the end.

    They listen already, so nobody else can take the port before the service is made.

    Args:
        host: name or address.
        port: 0 for any that is free, the same for all.

    Raises:
        UsageError: the host is not known, or its port cannot be had.
    """
    with ExitStack() as stack:
        taken: list[socket.socket] = []
        refused: OSError | None = None
        for family, address in _addresses(host, port):
            place = (address[0], taken[0].getsockname()[1] if taken else port, *address[2:])
            try:
                taken.append(stack.enter_context(_listener(family, place)))
            except OSError as error:
                if error.errno not in _LESS:
                    raise refusal(host, port, error) from error
                refused = error
        if refused is not None and not taken:
            raise refusal(host, port, refused) from refused
        yield taken


def refusal(host: str, port: int, error: OSError) -> UsageError:
    """The error for a place that cannot be listened on."""
    why = _WHY.get(error.errno or 0, f"{error.strerror}; choose another --host or --port")
    return UsageError(f"{host}:{port}: cannot be listened on: {why}")


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """Families with their addresses: a host, a port, and what the family has besides."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host}: is no host that is known here; choose another --host") from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listener(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two services have one port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(_WAITING)
    except OSError:
        made.close()
        raise
    return made
