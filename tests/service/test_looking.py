import json
import threading
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from starlette.testclient import TestClient

from anamorph.errors import StoreFailed
from anamorph.service.core import Service
from anamorph.service.settings import Bounds
from anamorph.service.web.app import create_app

from .conftest import Idle, Running, Serve

Picture = Callable[..., bytes]

TOY = {"model": "toy"}


def submitted(running: Running, *pictures: bytes) -> str:
    files = [("picture", (f"holiday/{i}.png", data)) for i, data in enumerate(pictures)]
    answer = running.post("/v1/protect", files=files, data=TOY, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def finished(running: Running, job: str) -> Any:
    for _ in range(600):
        status = running.get(f"/v1/jobs/{job}").json()
        if status["expires"] is not None:
            return status
        time.sleep(0.05)
    raise TimeoutError(job)


def test_a_job_does_what_it_can_and_says_what_it_cannot(running: Running, picture: Picture) -> None:
    job = submitted(running, picture(), b"no picture", picture("rocket", 33, 47))
    status = finished(running, job)
    assert status["state"] == "failed"
    assert status["counts"] == {"queued": 0, "running": 0, "done": 2, "failed": 1, "cancelled": 0}
    assert status["progress"] == 1
    assert [item["state"] for item in status["items"]] == ["done", "failed", "done"]
    assert status["items"][1]["problem"]["type"] == "urn:anamorph:NotAnImage"
    assert status["items"][1]["problem"]["detail"].startswith("holiday/1.png: ")
    result = running.get(status["items"][2]["result"])
    assert result.content.startswith(b"\x89PNG")
    assert running.get(f"/v1/jobs/{job}/results/1").status_code == 409
    assert running.get(f"/v1/jobs/{job}/results/3").status_code == 404
    kept = sorted(path.name for path in running.service.jobs.folder(job).iterdir())
    assert kept == ["out-0-1.png", "out-2-1.png"], "the uploads are gone"


def test_all_results_come_as_a_zip(running: Running, picture: Picture) -> None:
    job = submitted(running, picture(), b"no picture", picture("coffee"))
    finished(running, job)
    answer = running.get(f"/v1/jobs/{job}/results")
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {"records.json", "holiday/0.png", "holiday/2.png"}
        records = json.loads(archive.read("records.json"))
        assert archive.read("holiday/2.png") == running.get(records[2]["result"]).content


def test_events_tell_of_progress_until_the_end(running: Running, picture: Picture) -> None:
    job = submitted(running, picture(), picture("coffee"))
    answer = running.get(f"/v1/jobs/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.split("\n") for event in answer.text.strip().split("\n\n")]
    assert events[-1][0] == "event: end"
    assert {event[0] for event in events[:-1]} <= {"event: progress"}
    assert json.loads(events[-1][1].removeprefix("data: "))["state"] == "done"


def test_a_cancelled_job_stops_and_is_deleted_with_its_files(
    serve: Serve, picture: Picture
) -> None:
    running = serve(workers=Idle)
    job = submitted(running, picture(), picture("coffee"))
    cancelled = running.post(f"/v1/jobs/{job}/cancel").json()
    assert (cancelled["state"], cancelled["counts"]["cancelled"]) == ("cancelled", 2)
    assert running.service.queue.next() is None
    assert running.http.delete(f"/v1/jobs/{job}", headers=running.headers).status_code == 204
    assert running.get(f"/v1/jobs/{job}").status_code == 404
    assert not running.service.jobs.folder(job).exists()


def test_jobs_of_others_are_not_there_except_for_admins(serve: Serve, picture: Picture) -> None:
    running = serve(workers=Idle)
    job = submitted(running, picture())
    stranger, admin = running.as_("protect", "reveal"), running.as_("admin")
    for path in ("", "/results", "/results/0", "/events"):
        assert stranger.get(f"/v1/jobs/{job}{path}").status_code == 404
    assert stranger.post(f"/v1/jobs/{job}/cancel").status_code == 404
    assert running.http.delete(f"/v1/jobs/{job}", headers=stranger.headers).status_code == 404
    assert admin.get(f"/v1/jobs/{job}").status_code == 200


def test_a_list_shows_ones_own_jobs_the_newest_first_page_by_page(
    serve: Serve, picture: Picture
) -> None:
    running = serve(workers=Idle)
    assert running.get("/v1/jobs").json() == {"jobs": [], "next": None}
    made = [submitted(running, picture(), picture("coffee")) for _ in range(3)]
    stranger = running.as_("protect")
    foreign = submitted(stranger, picture())
    running.post(f"/v1/jobs/{made[0]}/cancel")
    page = running.get("/v1/jobs?limit=2").json()
    assert [job["id"] for job in page["jobs"]] == made[:0:-1]
    assert page["jobs"][0]["state"] == "queued"
    rest = running.get(page["next"]).json()
    (first,) = rest["jobs"]
    assert (first["id"], first["state"], first["counts"]["cancelled"]) == (made[0], "cancelled", 2)
    assert first["expires"] > first["created"]
    assert rest["next"] is None
    everything = running.as_("admin").get("/v1/jobs").json()["jobs"]
    assert [job["id"] for job in everything] == [foreign, *reversed(made)]
    assert running.get(f"/v1/jobs?before={foreign}").status_code == 404
    assert running.get("/v1/jobs?limit=0").status_code == 422


def test_results_are_deleted_when_their_time_is_over(serve: Serve, picture: Picture) -> None:
    running = serve(Bounds(keep_seconds=0.2))
    job = submitted(running, picture())
    finished(running, job)
    folder = running.service.jobs.folder(job)
    for _ in range(100):
        if not folder.exists():  # the last to go
            break
        time.sleep(0.05)
    assert not folder.exists()
    assert running.get(f"/v1/jobs/{job}").status_code == 404


def test_models_keys_and_health_are_told(serve: Serve) -> None:
    running = serve(workers=Idle)
    models = running.get("/v1/models").json()["models"]
    toy = {"name": "toy", "task": "classify", "labels": 5, "height": 16, "width": 16}
    assert [m["name"] for m in models] == ["toy", "embedder"]
    assert toy.items() <= models[0].items()
    assert running.http.get("/healthz").text == "ok\n"
    assert running.http.get("/readyz").json() == {"workers": 1}


def test_a_service_without_workers_is_not_ready(serve: Serve) -> None:
    running = serve(Bounds(lease_seconds=0.01), workers=Idle)
    time.sleep(0.05)
    assert running.http.get("/readyz").status_code == 503
    assert running.get("/v1/models").status_code == 503


def test_metrics_are_for_admins(serve: Serve, picture: Picture) -> None:
    running = serve(workers=Idle)
    submitted(running, picture())
    assert running.get("/metrics").status_code == 403
    text = running.as_("admin").get("/metrics").text
    assert 'anamorph_items{state="queued"} 1.0' in text
    assert 'anamorph_requests_total{status="202",verb="protect"} 1.0' in text


@pytest.mark.parametrize("path", ["/v1/jobs/..", "/v1/jobs/" + "0" * 32, "/v1/nothing", "/x"])
def test_what_is_not_there_is_a_problem(serve: Serve, path: str) -> None:
    answer = serve(workers=Idle).get(path)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_cleaning_goes_on_whatever_goes_wrong(
    service_of: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(Bounds(keep_seconds=0.01), workers=Idle)
    again = threading.Event()
    faults = iter([RuntimeError("odd"), OSError("gone"), StoreFailed("busy")])

    def expire() -> int:
        for fault in faults:
            raise fault
        again.set()
        return 0

    monkeypatch.setattr(service.jobs, "expire", expire)
    with TestClient(create_app(service)):
        assert again.wait(10)
