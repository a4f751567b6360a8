import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from anamorph.service.refusals import TooSlow
from anamorph.service.settings import Bounds
from anamorph.service.web.uploads import receive

from .conftest import Idle, Running, Serve


@pytest.fixture
def idle(serve: Serve) -> Running:
    return serve(workers=Idle)


@pytest.mark.parametrize("header", [None, "Basic eDp5", "Bearer wrong", "Bearer "])
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/v1/nothing"])
def test_without_a_token_nothing_is_told(idle: Running, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = idle.http.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:anamorph:Unauthorized"


def test_nobody_without_a_token_gets_a_body_read(idle: Running) -> None:
    answer = idle.http.post("/v1/protect", content=b"x" * 10_000)
    assert answer.status_code == 401
    assert not list(idle.service.settings.jobs.iterdir())


@pytest.mark.parametrize(("scope", "verb"), [("protect", "reveal"), ("reveal", "protect")])
def test_a_token_is_good_for_its_scopes_only(idle: Running, scope: str, verb: str) -> None:
    answer = idle.as_(scope).post(f"/v1/{verb}", files={"picture": b"x"})
    assert answer.status_code == 403


def test_a_revoked_token_is_taken_no_longer(idle: Running) -> None:
    (token,) = idle.service.tokens.all()
    assert idle.get("/v1/models").status_code == 200
    idle.service.tokens.revoke(token.id)
    assert idle.get("/v1/models").status_code == 401


def test_a_client_that_asks_too_often_is_told_when_to_come_back(serve: Serve) -> None:
    running = serve(Bounds(requests_per_minute=1, burst=2), workers=Idle)
    assert [running.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    assert int(running.get("/v1/models").headers["retry-after"]) > 30
    assert running.as_("protect").get("/v1/models").status_code == 200
    guesses = [running.http.get("/v1/models").status_code for _ in range(3)]
    assert guesses == [401, 401, 429]


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/nothing", "/static/page.js"])
def test_every_answer_has_the_headers_that_keep_a_page_to_itself(idle: Running, path: str) -> None:
    headers = idle.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers


def test_private_answers_are_not_stored(idle: Running) -> None:
    assert idle.get("/v1/models").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("content", [b"", b"--x\r\n", b"\r\n--x--", b"--x\r\n\r\n\0", b"\xff" * 99])
def test_a_broken_form_is_refused(idle: Running, content: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = idle.post("/v1/protect", content=content, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("kind", ["multipart/form-data", "text/plain", "multipart/form-data; b"])
def test_another_kind_of_body_is_refused(idle: Running, kind: str) -> None:
    answer = idle.post("/v1/protect", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 422


def test_an_unexpected_error_is_a_problem_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = serve(workers=Idle)

    def broken(*_: object) -> None:
        raise KeyError("of the inside")

    monkeypatch.setattr(running.service.jobs, "status", broken)
    answer = running.get(f"/v1/jobs/{'0' * 32}")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:anamorph:Unexpected")
    assert "inside" not in answer.text
    assert "of the inside" in caplog.text


class _Drip:
    """A request whose body arrives with pauses."""

    headers = Headers({"content-type": "multipart/form-data; boundary=x"})

    def __init__(self, pause: float) -> None:
        self._pause = pause

    async def stream(self) -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
        for _ in range(100):
            await asyncio.sleep(self._pause)
            yield b"z"


@pytest.mark.parametrize("bounds", [{"idle_seconds": 0.02}, {"upload_seconds": 0.1}])
def test_an_upload_that_stalls_is_ended(bounds: dict[str, Any]) -> None:
    pause = 0.5 if "idle_seconds" in bounds else 0.03
    drip = cast(Request, _Drip(pause))
    with pytest.raises(TooSlow):
        asyncio.run(receive(drip, Bounds(**bounds)))
