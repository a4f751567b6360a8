"""Sends a picture to a service and brings its answer, with patience and within limits.

Only the picture and what the card's [http] names is sent: no file name, no metadata that is not in
the file itself, no cookies. The token goes to the card's own host alone.
"""

import http.client
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from anamorph.errors import ModelError
from anamorph.models.readers.service import Service

LARGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read at most."""

ATTEMPTS = 6
"""How often one picture is sent at most."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds to wait when a service is busy and does not say how long; doubled each time."""

_BUSY = (429, 503)
_MOVED = (307, 308)  # the codes that ask to send the same thing again
_PIECE = 1 << 16

_KINDS: Mapping[bytes, tuple[str, str]] = {
    b"\x89PNG": ("image/png", "png"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
    b"RIFF": ("image/webp", "webp"),
    b"II*\0": ("image/tiff", "tif"),
    b"MM\0*": ("image/tiff", "tif"),
    b"BM": ("image/bmp", "bmp"),
}
"""By the first bytes: the media type, and the end of the name in a form."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """Keeps to a rate, and waits longer when it is told to."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    free: float = 0.0
    """When the next picture may be sent, on the clock."""

    def turn(self) -> None:
        """Wait until the next picture may be sent."""
        now = self.clock()
        if now < self.free:
            self.sleep(self.free - now)
        self.free = max(now, self.free) + 1 / self.per_second

    def pause(self, seconds: float) -> None:
        """Send nothing for some seconds."""
        self.free = max(self.free, self.clock() + seconds)


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    retry_after: str
    location: str


def ask(service: Service, picture: bytes, pace: Pace) -> bytes:
    """The body of a service's answer to a picture.

    A service that says it is busy is asked again, after the time it names or ever longer ones.

    Raises:
        ModelError: no answer, an error, a redirect to another host, a service that stays busy, or
            an answer that is too large.
        CardError: the token file is gone.
    """
    url = service.url
    for attempt in range(ATTEMPTS):
        pace.turn()
        reply = _posted(service, url, picture)
        if 200 <= reply.status < 300:
            return reply.body
        if reply.status in _BUSY:
            pace.pause(_pause(service, reply, attempt))
        elif reply.status in _MOVED:
            url = _moved(service, url, reply)
        else:
            raise ModelError(
                f"{service.place}: answers with status {reply.status}; {_advice(reply)}"
            )
    raise ModelError(
        f"{service.place}: answers with status {reply.status} to {ATTEMPTS} attempts; lower "
        "per_second in [http], or go on later"
    )


def _posted(service: Service, url: str, picture: bytes) -> Reply:
    deadline = time.monotonic() + service.timeout
    opener = OpenerDirector()  # no handler that follows redirects, and none for other schemes
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "anamorph")]
    body, headers = _form(service, picture)
    request = Request(url, data=body, headers=headers, method="POST")
    if token := service.token():
        request.add_unredirected_header(service.header, token)
    try:
        with closing(opener.open(request, timeout=service.timeout)) as response:
            return Reply(
                status=response.status,
                body=_body(service, response, deadline),
                retry_after=response.headers.get("Retry-After", ""),
                location=response.headers.get("Location", ""),
            )
    except TimeoutError:
        raise _silent(service) from None
    except (URLError, http.client.HTTPException, OSError) as error:
        if isinstance(error, URLError) and isinstance(error.reason, TimeoutError):
            raise _silent(service) from None
        reason = getattr(error, "reason", None)
        why = getattr(reason, "strerror", None) or type(reason or error).__name__
        raise ModelError(
            f"{service.place}: no answer ({why}); check that the service runs, and the address"
        ) from None


def _silent(service: Service) -> ModelError:
    return ModelError(
        f"{service.place}: no answer within {service.timeout:g} s; raise timeout in [http], or go "
        "on later"
    )


def _form(service: Service, picture: bytes) -> tuple[bytes, dict[str, str]]:
    """Body and headers: a form with one field, or the file as it is."""
    kind, end = next(
        (kind for start, kind in _KINDS.items() if picture.startswith(start)),
        ("application/octet-stream", "bin"),
    )
    if not service.field:
        return picture, {"Content-Type": kind}
    mark = f"anamorph{sha256(picture).hexdigest()}"
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="{service.field}"; '
        f'filename="picture.{end}"\r\nContent-Type: {kind}\r\n\r\n'
    )
    body = head.encode() + picture + f"\r\n--{mark}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={mark}"}


def _body(service: Service, response: http.client.HTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    while piece := response.read1(_PIECE):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise ModelError(
                f"{service.place}: answers with more than {LARGEST_ANSWER:,} bytes; ask it for the "
                "label alone"
            )
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)


def _pause(service: Service, reply: Reply, attempt: int) -> float:
    """Seconds to wait before the next attempt.

    Raises:
        ModelError: the service asks for more patience than there is.
    """
    told = _seconds(reply.retry_after)
    if told is None:
        return min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)
    if told > LONGEST_PAUSE:
        raise ModelError(
            f"{service.place}: is busy and asks to wait {told:.0f} s; go on after that"
        )
    return told


def _seconds(retry_after: str) -> float | None:
    """What `Retry-After` says: seconds or a date; None where it says nothing that is known."""
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _moved(service: Service, url: str, reply: Reply) -> str:
    """Where to send it instead, if that is the same place.

    Raises:
        ModelError: another host, port or scheme.
    """
    there = urlsplit(urljoin(url, reply.location))
    here = urlsplit(service.url)
    if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()):
        told = service.without_token(f"{there.scheme}://{there.netloc}")
        raise ModelError(
            f"{service.place}: redirects to {told}, where nothing is sent; if that is right, put "
            "its address into the card"
        )
    return there._replace(fragment="").geturl()


def _advice(reply: Reply) -> str:
    if reply.status in (401, 403):
        return "check header and token_file in [http]"
    if 300 <= reply.status < 400:
        return "put the address it redirects to into the card"
    return "check the address, and field in [http]"
