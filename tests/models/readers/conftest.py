"""A service on this machine that answers as it is told, and cards."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from anamorph.models.readers.asking import Pace


class Sent(NamedTuple):
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Said(NamedTuple):
    """What the server answers."""

    status: int = 200
    body: bytes = b'{"label": "bee", "score": 0.75}'
    headers: Mapping[str, str] = {}


@dataclass
class Server:
    """Answers with `say`, and remembers what it was sent."""

    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    say: Callable[[Sent], Said] = lambda sent: Said()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.sent.append(Sent(self.path, dict(self.headers.items()), body))
            said = told.say(told.sent[-1])
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        told.url = f"http://127.0.0.1:{running.server_port}/classify"
        thread = Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield told
        running.shutdown()
        thread.join()


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds

    def pace(self, per_second: float) -> Pace:
        return Pace(per_second=per_second, clock=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()


WriteCard = Callable[..., Path]


@pytest.fixture
def http_card(tmp_path: Path, server: Server) -> WriteCard:
    """Writes the card of the server."""

    def write(*http: str, head: str = 'labels = ["ant", "bee", "cat"]', source: str = "") -> Path:
        path = tmp_path / "service.toml"
        lines = http or ('label = "label"', 'score = "score"', "per_second = 1000.0")
        path.write_text(
            f'name = "theirs"\nsource = "{source or server.url}"\n{head}\n[http]\n'
            + "\n".join(lines),
            encoding="utf-8",
        )
        return path

    return write
