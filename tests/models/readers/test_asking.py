import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from anamorph.errors import ModelError
from anamorph.models.readers.asking import ATTEMPTS, LARGEST_ANSWER, ask
from anamorph.models.readers.service import Service

PNG = b"\x89PNG and the rest of a file"


def said(server: Any, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
    """Let the server give one answer to everything."""
    said_type = type(server.say(None))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    server.say = lambda sent: said_type(status, body, names)


def one_after_another(server: Any, *statuses: int, **headers: str) -> None:
    """Let the server answer with these statuses in turn."""
    said_type = type(server.say(None))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    server.say = lambda sent: said_type(statuses[len(server.sent) - 1], b"{}", names)


def service_at(server: Any, **about: Any) -> Service:
    return Service(url=server.url, label="l", **{"timeout": 20, **about})


def test_the_file_alone_is_sent(server: Any, clock: Any) -> None:
    assert ask(service_at(server), PNG, clock.pace(1)).startswith(b'{"label"')
    (sent,) = server.sent
    assert (sent.path, sent.body) == ("/classify", PNG)
    known = {
        "Accept-Encoding",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Host",
        "User-Agent",
    }
    assert {name.title() for name in sent.headers} == known
    assert sent.headers["Content-Type"] == "image/png"


def test_a_form_has_one_field_with_the_file_as_it_is(server: Any, clock: Any) -> None:
    ask(service_at(server, field="image"), b"\xff\xd8\xff jpeg", clock.pace(1))
    (sent,) = server.sent
    kind, _, mark = sent.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert (
        sent.body
        == (
            f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="picture.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        + b"\xff\xd8\xff jpeg"
        + f"\r\n--{mark}--\r\n".encode()
    )


def test_the_token_goes_into_its_header(server: Any, clock: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer s3cret\n")
    service = service_at(server, token_file=tmp_path / "token", header="X-Key")
    ask(service, PNG, clock.pace(1))
    assert server.sent[0].headers["X-Key"] == "Bearer s3cret"


def test_pictures_are_sent_at_the_rate_of_the_card(server: Any, clock: Any) -> None:
    pace = clock.pace(2)
    for _ in range(3):
        ask(service_at(server), PNG, pace)
    assert clock.slept == [0.5, 0.5]


def test_a_busy_service_is_asked_again_after_ever_longer_pauses(server: Any, clock: Any) -> None:
    one_after_another(server, 503, 429, 503, 200)
    assert ask(service_at(server), PNG, clock.pace(100)) == b"{}"
    assert clock.slept == [1, 2, 4]


def test_the_time_a_busy_service_names_is_waited(server: Any, clock: Any) -> None:
    one_after_another(server, 429, 200, Retry_After="7")
    ask(service_at(server), PNG, clock.pace(100))
    assert clock.slept == [7]


def test_a_date_to_come_back_at_is_understood(server: Any, clock: Any) -> None:
    one_after_another(server, 503, 200, Retry_After=formatdate(time.time() + 20, usegmt=True))
    ask(service_at(server), PNG, clock.pace(100))
    assert 10 < clock.slept[0] <= 20


@pytest.mark.parametrize("nonsense", ["soon", "-3", "1.5", "\u00b2".encode().decode("latin-1")])
def test_a_time_that_means_nothing_is_passed_over(server: Any, clock: Any, nonsense: str) -> None:
    one_after_another(server, 503, 200, Retry_After=nonsense)
    ask(service_at(server), PNG, clock.pace(100))
    assert clock.slept == [1]


def test_nobody_waits_for_an_hour(server: Any, clock: Any) -> None:
    said(server, 429, Retry_After="3600")
    with pytest.raises(ModelError, match="asks to wait 3600 s; go on after that"):
        ask(service_at(server), PNG, clock.pace(100))
    assert clock.slept == []


def test_a_service_that_stays_busy_is_given_up(server: Any, clock: Any) -> None:
    said(server, 503)
    with pytest.raises(ModelError, match=f"status 503 to {ATTEMPTS} attempts"):
        ask(service_at(server), PNG, clock.pace(100))
    assert len(server.sent) == ATTEMPTS


def test_a_redirect_within_the_host_is_followed_with_the_picture(server: Any, clock: Any) -> None:
    one_after_another(server, 307, 200, Location="/v2/classify")
    ask(service_at(server), PNG, clock.pace(100))
    assert [(sent.path, sent.body) for sent in server.sent] == [
        ("/classify", PNG),
        ("/v2/classify", PNG),
    ]


@pytest.mark.parametrize("status", [307, 308])
def test_nothing_is_sent_to_another_host(
    server: Any, clock: Any, status: int, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret")
    said(server, status, Location="https://s3cret.elsewhere.test/take")
    service = service_at(server, token_file=tmp_path / "token")
    with pytest.raises(ModelError, match=r"redirects to https://\*\*\*\.elsewhere\.test, where no"):
        ask(service, PNG, clock.pace(100))
    assert len(server.sent) == 1


def test_another_port_is_another_host(server: Any, clock: Any) -> None:
    said(server, 308, Location="http://127.0.0.1:9/take")
    with pytest.raises(ModelError, match=r"redirects to http://127\.0\.0\.1:9, where nothing"):
        ask(service_at(server), PNG, clock.pace(100))


def test_redirects_in_a_circle_end(server: Any, clock: Any) -> None:
    said(server, 307, Location="/classify")
    with pytest.raises(ModelError, match=f"status 307 to {ATTEMPTS} attempts"):
        ask(service_at(server), PNG, clock.pace(100))


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (302, "put the address it redirects to into the card"),
        (401, "check header and token_file"),
        (404, "check the address, and field"),
        (500, "check the address, and field"),
    ],
)
def test_an_error_says_its_status_and_what_to_do(
    server: Any, clock: Any, status: int, advice: str
) -> None:
    said(server, status, b"a page of text", Location="/elsewhere")
    with pytest.raises(ModelError, match=f"status {status}; {advice}") as caught:
        ask(service_at(server), PNG, clock.pace(100))
    assert "a page of text" not in str(caught.value)


def test_a_silent_service_is_given_up_after_the_timeout(server: Any, clock: Any) -> None:
    answer = server.say

    def late(sent: Any) -> Any:
        time.sleep(0.6)
        return answer(sent)

    server.say = late
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s; raise timeout"):
        ask(service_at(server, timeout=0.2), PNG, clock.pace(100))


def test_an_endless_answer_is_cut(server: Any, clock: Any) -> None:
    said(server, 200, b"x" * (LARGEST_ANSWER + 1))
    with pytest.raises(ModelError, match="more than 1,048,576 bytes"):
        ask(service_at(server), PNG, clock.pace(100))


def test_a_service_that_is_not_there_is_named(server: Any, clock: Any) -> None:
    service = Service(url="http://127.0.0.1:9/a?key=s3cret", label="l")
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9: no answer \(") as caught:
        ask(service, PNG, clock.pace(100))
    assert "s3cret" not in str(caught.value)
