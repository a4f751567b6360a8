"""A service in this process: toy models, a worker in a thread, a client that speaks HTTP to it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from anamorph.keys import key as keys
from anamorph.keys.encoding import encode
from anamorph.keys.key import Key, Kind
from anamorph.keys.lock import STANDARD
from anamorph.models import Model
from anamorph.service.core import Service
from anamorph.service.database import connect
from anamorph.service.jobs import Jobs
from anamorph.service.keyring import Keyring
from anamorph.service.queue import Queue
from anamorph.service.schema import prepare
from anamorph.service.settings import Bounds, Settings
from anamorph.service.tokens import Tokens
from anamorph.service.web.app import create_app
from anamorph.service.worker.roster import Roster
from anamorph.service.worker.working import work

Pixels = NDArray[np.uint8]


class Threads:
    """A worker in a thread of this process (in the role `Workers`)."""

    def __init__(self, queue: Queue, roster: Roster) -> None:
        self.queue, self.roster = queue, roster
        self.restarts, self.refused = 0, threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=work, args=(queue, roster, "here", self._stop))

    @property
    def ready(self) -> bool:
        return "here" in self.queue.workers()

    def start(self) -> None:
        self.queue.seen("here", self.roster.about())
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


class Idle(Threads):
    """Nobody works: what is queued stays queued."""

    def start(self) -> None:
        self.queue.seen("here", self.roster.about())

    def stop(self) -> None:
        return


class Absent(Idle):
    """Nobody is there yet."""

    def start(self) -> None:
        return


@dataclass(kw_only=True)
class Running:
    """A service with a client for it."""

    service: Service
    http: TestClient
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, **how: Any) -> Any:
        return self.http.post(path, headers={**self.headers, **how.pop("headers", {})}, **how)

    def get(self, path: str, **how: Any) -> Any:
        return self.http.get(path, headers={**self.headers, **how.pop("headers", {})}, **how)

    def as_(self, *scopes: str) -> "Running":
        """The same service, for somebody with a token of these scopes."""
        token = self.service.tokens.new(scopes)
        headers = {"Authorization": f"Bearer {token}"}
        return Running(service=self.service, http=self.http, headers=headers)


Serve = Callable[..., Running]


@pytest.fixture
def roster_of(toy: Model, embedder: Model) -> Callable[..., Roster]:
    """What a worker has: two toy models."""

    def make(settings: Settings, keyring: Keyring, stored: dict[str, Key]) -> Roster:
        known = {"embedder": embedder}
        return Roster(
            models={name: known.get(name, toy) for name in settings.models},
            keys=stored,
            shadows={},
            keyring=keyring,
            folder=settings.jobs,
            bounds=settings.bounds,
        )

    return make


@pytest.fixture
def service_of(tmp_path: Path, roster_of: Callable[..., Roster]) -> Callable[..., Service]:
    """Makes services that are not started."""

    def make(
        bounds: Bounds | None = None,
        *,
        workers: type[Threads] = Threads,
        stored: dict[str, Key] | None = None,
        models: Sequence[str] = ("toy", "embedder"),
    ) -> Service:
        settings = Settings(
            data=tmp_path / "data",
            models=dict.fromkeys(models, ""),
            keys=dict.fromkeys(stored or {}, ""),
            bounds=bounds or Bounds(),
        )
        settings.jobs.mkdir(parents=True)
        store, keyring = connect(settings.database_url), Keyring.new()
        prepare(store)
        queue = Queue(store, settings.bounds.lease_seconds)
        return Service(
            settings=settings,
            database=store,
            queue=queue,
            jobs=Jobs(store, settings.jobs, settings.bounds),
            tokens=Tokens(store),
            keyring=keyring,
            crew=workers(queue, roster_of(settings, keyring, stored or {})),
        )

    return make


@pytest.fixture
def serve(service_of: Callable[..., Service]) -> Iterator[Serve]:
    """Starts services; the client has a token for everything but the work of others."""
    started: list[TestClient] = []

    def start(*bounds: Bounds, **how: Any) -> Running:
        service = service_of(*bounds, **how)
        client = TestClient(create_app(service), base_url="http://service")
        client.__enter__()
        started.append(client)
        return Running(service=service, http=client).as_("protect", "reveal")

    yield start
    for client in started:
        client.__exit__(None, None, None)


@pytest.fixture
def site(service_of: Callable[..., Service]) -> Iterator[Callable[..., tuple[Service, str]]]:
    """Starts services that listen; each with the address of its page, token included."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(*bounds: Any, **how: Any) -> tuple[Service, str]:
        service = service_of(*bounds, **how)
        app = create_app(service)
        config = uvicorn.Config(app, port=0, log_level="error", ws="none", timeout_keep_alive=60)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        while not server.started:
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        token = service.tokens.new(["protect", "reveal"])
        return service, f"http://127.0.0.1:{port}/#token={token}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


@pytest.fixture
def running(serve: Serve) -> Running:
    """A service as it comes."""
    return serve()


@pytest.fixture
def picture(crop: Callable[..., Pixels]) -> Callable[..., bytes]:
    """The bytes of a picture file."""

    def make(name: str = "astronaut", *size: int, format: str = "png", **how: Any) -> bytes:
        out = BytesIO()
        Image.fromarray(crop(name, *size)).save(out, format, **how)
        return out.getvalue()

    return make


@pytest.fixture
def key_file() -> Callable[..., bytes]:
    """The bytes of a new key file."""

    def make(kind: Kind = "sealed") -> bytes:
        return encode(keys.new(kind), None, STANDARD)

    return make
