"""Worker processes that are killed: their work is taken up again."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anamorph.service.core import Service, open_service
from anamorph.service.jobs import Submission, Upload, new_id
from anamorph.service.queue import UNSORTED
from anamorph.service.requests import Protect
from anamorph.service.settings import Settings


@pytest.fixture
def service(tmp_path: Path, card: Callable[..., Path]) -> Iterator[Service]:
    made = open_service(
        Settings(
            data=tmp_path / "data", models={"toy": str(card(pause=0.02))}, workers=1, threads=1
        )
    )
    yield made
    made.database.close()


def submit(service: Service, picture: bytes, items: int) -> str:
    form = Protect.model_validate({"model": "toy"})
    job = new_id()
    folder = service.jobs.folder(job)
    folder.mkdir(parents=True)
    for i in range(items):
        (folder / f"in-{i}").write_bytes(picture)
    uploads = [Upload(name=f"{i}.png", files=(f"in-{i}",), size=9) for i in range(items)]
    service.jobs.submit(
        Submission(
            id=job,
            owner="me",
            verb="protect",
            request=form.model_dump_json(),
            lane=UNSORTED,
            urgent=False,
            uploads=uploads,
        )
    )
    return job


def until(true: Callable[[], Any], seconds: float = 90) -> None:
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_a_killed_workers_job_is_taken_up_again_and_done_once(
    service: Service, picture: Callable[..., bytes]
) -> None:
    job = submit(service, picture(), 3)
    service.crew.start()
    try:
        until(lambda: service.jobs.counts().get("running") and service.queue.workers())
        (worker,) = service.queue.workers()
        (pid,) = service.crew.processes  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)
        until(lambda: service.jobs.ended([job]))
        assert worker not in service.queue.workers()
    finally:
        service.crew.stop()
    status = service.jobs.status(job, "me")
    assert (status.state, status.counts["done"]) == ("done", 3)
    assert service.crew.restarts == 1
    results = sorted(path.name for path in service.jobs.folder(job).iterdir())
    assert results == sorted(item.output for item in status.items), "one file for each, no other"


def test_ctrl_c_at_the_terminal_is_for_the_service_alone(service: Service) -> None:
    service.crew.start()
    try:
        (pid,) = service.crew.processes  # type: ignore[attr-defined]
        assert os.getpgid(pid) != os.getpgid(0)
    finally:
        service.crew.stop()


@pytest.mark.slow
def test_what_a_stopped_service_was_at_waits_for_the_next(
    service: Service, picture: Callable[..., bytes]
) -> None:
    submit(service, picture(), 3)
    service.crew.start()
    until(lambda: service.jobs.counts().get("running"))
    service.crew.stop()
    assert service.jobs.counts() == {"queued": 3}


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_the_crew(tmp_path: Path) -> None:
    made = open_service(Settings(data=tmp_path / "d", models={"x": str(tmp_path / "none.toml")}))
    made.crew.start()
    try:
        assert made.crew.refused.wait(90)
    finally:
        made.crew.stop()
        made.database.close()
