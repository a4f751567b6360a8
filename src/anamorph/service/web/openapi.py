"""The parts of the OpenAPI document that are not derived from the routes' own types."""

from collections.abc import Mapping
from typing import Any

from anamorph.service.media import MEDIA
from anamorph.service.problems import MEDIA as PROBLEM
from anamorph.service.problems import SCHEMA
from anamorph.service.requests import FORMS, Form

_MEANINGS: Mapping[int, str] = {
    401: "No token, or one that is not taken.",
    403: "The token lacks the scope.",
    404: "There is nothing of that name.",
    408: "The upload stalled.",
    409: "Not in this state.",
    413: "Too many bytes, pixels or parts.",
    415: "A kind of picture that is not taken.",
    422: "It cannot be done: the detail says why, and what to do.",
    429: "Too many requests; `Retry-After` says when to come back.",
    500: "The work could not be done.",
    503: "The queue is full or no worker is ready; `Retry-After` says when to come back.",
    507: "The result could not be stored.",
}

_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}

EVERYWHERE = (401, 403, 429, 503)
SUBMITTING = (*EVERYWHERE, 408, 409, 413, 415, 422, 500, 507)
OF_JOBS = (*EVERYWHERE, 404, 422)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route."""
    return {
        status: {"description": _MEANINGS[status], "content": {PROBLEM: {"schema": SCHEMA}}}
        for status in statuses
    }


def results() -> dict[str, Any]:
    """The bytes of a result."""
    return {
        "description": "The result.",
        "content": {media: {"schema": _BINARY} for media in MEDIA if media != "application/json"},
        "headers": {
            "Anamorph-Record": {
                "description": "What was measured, as JSON.",
                "schema": {"type": "string"},
            }
        },
    }


def body(verb: str) -> dict[str, Any]:
    """The form of a verb as a request body."""
    form = FORMS[verb]
    schema = form.model_json_schema()
    schema["properties"] |= _files(form)
    schema["required"] = [
        *schema.get("required", []),
        "original" if not form.several else form.files,
    ]
    content = {"schema": schema, "encoding": _encoding(form)}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": content}}}


def _files(form: type[Form]) -> dict[str, Any]:
    files: dict[str, Any] = (
        {form.files: {"type": "array", "items": _BINARY, "minItems": 1}}
        if form.several
        else {"original": _BINARY, "result": _BINARY}
    )
    if form.keyed:
        files["key"] = _BINARY
        files["passphrase"] = {"type": "string", "maxLength": 1024}
    return files


def _encoding(form: type[Form]) -> dict[str, Any]:
    names = [name for name, schema in _files(form).items() if name != "passphrase"]
    return {name: {"contentType": "application/octet-stream"} for name in names}
