import inspect

import pytest

from anamorph import errors
from anamorph.service import refusals
from anamorph.service.problems import plain, problem, told

OURS = [
    kind
    for module in (errors, refusals)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, errors.AnamorphError) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_has_its_answer(kind: type[errors.AnamorphError]) -> None:
    error = kind("why", 3) if kind in (refusals.Throttled, refusals.Busy) else kind("why")
    answer = problem(error)
    assert answer.body["type"] == f"urn:anamorph:{kind.__name__}"
    assert (answer.body["detail"], answer.body["status"]) == ("why", answer.status)
    if kind not in (errors.AnamorphError, refusals.Refusal):
        assert answer.body["title"] != "An unexpected error"
    assert dict(told(kind.__name__, "why").body) == dict(answer.body)


def test_an_unexpected_error_says_nothing_of_the_inside() -> None:
    answer = problem(KeyError("/srv/secret"))
    assert answer.status == 500
    assert "secret" not in str(answer.body)
    assert told("", "an unexpected error").status == 500
    assert plain(405, "Method Not Allowed").body["type"] == "about:blank"


def test_who_has_to_wait_is_told_how_long() -> None:
    assert problem(refusals.Busy("full", 2.1)).headers == {"Retry-After": "3"}
    assert problem(refusals.Unauthorized("no")).headers == {"WWW-Authenticate": "Bearer"}
