"""Errors as problem details (RFC 9457). The only place of the service where errors get a status."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from anamorph import errors
from anamorph.service import refusals

MEDIA = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    status: int
    title: str


_KINDS: Mapping[type[Exception], _Kind] = {
    refusals.Unauthorized: _Kind(status=401, title="Not authorized"),
    refusals.Forbidden: _Kind(status=403, title="Not allowed with this token"),
    refusals.Missing: _Kind(status=404, title="Not found"),
    refusals.TooSlow: _Kind(status=408, title="The upload stalled"),
    refusals.Conflict: _Kind(status=409, title="Not now"),
    refusals.TooLong: _Kind(status=413, title="Too much"),
    refusals.Malformed: _Kind(status=422, title="The request cannot be understood"),
    refusals.Throttled: _Kind(status=429, title="Too many requests"),
    refusals.Busy: _Kind(status=503, title="No room"),
    refusals.Unprotected: _Kind(status=422, title="The check failed"),
    refusals.Abandoned: _Kind(status=500, title="The work could not be done"),
    errors.TooLarge: _Kind(status=413, title="Too large"),
    errors.Unsupported: _Kind(status=415, title="Not a kind of picture that is taken"),
    errors.NotAnImage: _Kind(status=422, title="Not a picture"),
    errors.NotWritten: _Kind(status=507, title="The result could not be stored"),
    errors.FileError: _Kind(status=422, title="The file cannot be used"),
    errors.UsageError: _Kind(status=422, title="The request cannot be done"),
    errors.BadKey: _Kind(status=422, title="The key cannot be used"),
    errors.ModelError: _Kind(status=500, title="The model cannot be used"),
    errors.StoreFailed: _Kind(status=503, title="The database does not answer"),
    errors.Cancelled: _Kind(status=409, title="Cancelled"),
}
"""Of an error that is not here, its nearest ancestor that is."""

_UNEXPECTED = _Kind(status=500, title="An unexpected error")

_NAMES = {kind.__name__: kind for kind in [*vars(errors).values(), *vars(refusals).values()]
          if isinstance(kind, type) and issubclass(kind, errors.AnamorphError)}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An answer that tells of an error."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]


def problem(error: Exception) -> Problem:
    """The answer for an error; what is not ours says nothing of its inside."""
    detail = str(error) if isinstance(error, errors.AnamorphError) else "see the service's log"
    seconds = getattr(error, "seconds", None)
    headers = {} if seconds is None else {"Retry-After": str(max(1, ceil(seconds)))}
    return _answer(type(error), detail, headers)


def told(kind: str, reason: str) -> Problem:
    """The answer for an error that ended an item, of which its name and message are known."""
    return _answer(_NAMES.get(kind, Exception), reason, {})


def plain(status: int, detail: str) -> Problem:
    """The answer for what is no error of ours: an unknown path, a method that is not taken."""
    return Problem(status=status, body=_body(status, "about:blank", detail, detail), headers={})


def _answer(error: type[Exception], detail: str, headers: dict[str, str]) -> Problem:
    known = next((_KINDS[one] for one in error.__mro__ if one in _KINDS), _UNEXPECTED)
    name = error.__name__ if issubclass(error, errors.AnamorphError) else "Unexpected"
    if known.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(
        status=known.status,
        body=_body(known.status, f"urn:anamorph:{name}", known.title, detail),
        headers=headers,
    )


def _body(status: int, type_: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": type_, "title": title, "status": status, "detail": detail}


SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "The name of the error."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was seen, and what to do."},
    },
}
