import pytest

from anamorph.service.settings import Bounds

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
