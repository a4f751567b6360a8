"""Who shares a batch with whom, and what becomes of items that workers end over."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from anamorph.app.protect.protecting import Protecting
from anamorph.errors import Cancelled, StoreFailed
from anamorph.service.core import Service
from anamorph.service.jobs import Submission, Upload, new_id
from anamorph.service.queue import UNSORTED
from anamorph.service.requests import Protect
from anamorph.service.settings import Bounds
from anamorph.service.status import ItemStatus
from anamorph.service.worker import loop
from anamorph.service.worker.batches import task_of
from anamorph.service.worker.desk import Desk
from anamorph.service.worker.loop import Worker

from .conftest import Idle

Picture = Callable[..., bytes]


class Bench:
    """A service whose worker does one turn at a time."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.stop = threading.Event()
        self.roster = service.crew.roster  # type: ignore[attr-defined]
        self.desk = Desk(service.queue, self.roster, "w", self.stop)
        self.worker = Worker(service.queue, self.roster, self.desk, self.stop)

    def submit(self, *pictures: bytes, urgent: bool = False, **form: Any) -> str:
        job = new_id()
        folder = self.service.jobs.folder(job)
        folder.mkdir()
        for i, data in enumerate(pictures):
            (folder / f"in-{i}").write_bytes(data)
        request = Protect.model_validate({"model": "toy", **form})
        self.service.jobs.submit(
            Submission(
                id=job,
                owner="me",
                verb="protect",
                request=request.model_dump_json(),
                lane=UNSORTED,
                urgent=urgent,
                uploads=[
                    Upload(name=f"{i}.png", files=(f"in-{i}",), size=len(data))
                    for i, data in enumerate(pictures)
                ],
            )
        )
        return job

    def state(self, job: str) -> str:
        return self.service.jobs.status(job, "me").state

    def item(self, job: str) -> ItemStatus:
        (item,) = self.service.jobs.status(job, "me").items
        return item

    def work(self) -> None:
        while self.worker.turn():
            pass


@pytest.fixture
def bench(service_of: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(loop, "_ASK", 0.0)
    return Bench(service_of(Bounds(tries=4), workers=Idle))


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures came into the engine together, each time."""
    sizes: list[int] = []
    problem = Protecting.problem

    def counted(self: Protecting, loaded: Sequence[Any]) -> Any:
        sizes.append(len(loaded))
        return problem(self, loaded)

    monkeypatch.setattr(Protecting, "problem", counted)
    return sizes


def test_pictures_of_one_size_share_a_batch_whoever_sent_them(
    bench: Bench, batches: list[int], picture: Picture
) -> None:
    jobs = [bench.submit(picture(), picture("coffee")), bench.submit(picture("chelsea"))]
    bench.submit(picture("rocket", 33, 47))
    assert bench.worker.turn(), "sizes are looked at first"
    assert bench.worker.turn()
    assert sum(batches) == 3
    assert [bench.state(job) for job in jobs] == ["done", "done"]


def test_a_picture_that_arrives_while_a_batch_is_under_way_joins_it(
    bench: Bench, batches: list[int], picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.submit(picture())
    bench.worker.turn()
    late: list[str] = []
    step = bench.desk.step

    def stepped(item: Any, steps: int) -> None:
        if steps == 5 and not late:
            late.append(bench.submit(picture("coffee"), urgent=True))
        step(item, steps)

    monkeypatch.setattr(bench.desk, "step", stepped)
    assert bench.worker.turn()
    assert batches == [1, 1]
    assert [bench.state(job) for job in (first, *late)] == ["done", "done"]


def test_who_waits_for_an_answer_ends_a_batch_of_others(
    bench: Bench, batches: list[int], picture: Picture
) -> None:
    long = bench.submit(*[picture()] * 40)
    bench.submit(picture("rocket", 33, 47), urgent=True)
    for _ in range(3):
        bench.worker._sort()
    assert bench.service.queue.next() is not None
    bench.worker.turn()
    counts = bench.service.jobs.counts()
    assert (counts["done"], bench.state(long)) == (1, "queued")


def test_a_different_request_gets_a_batch_of_its_own(
    bench: Bench, batches: list[int], picture: Picture
) -> None:
    bench.submit(picture())
    bench.submit(picture("coffee"), seed=1)
    while bench.worker.turn():
        pass
    assert batches == [1, 1]


def test_a_picture_that_fails_its_check_is_tried_with_more_effort_and_then_fails(
    bench: Bench, batches: list[int], picture: Picture
) -> None:
    job = bench.submit(picture(), epsilon=0.5)
    while bench.worker.turn():
        pass
    (item,) = bench.service.jobs.status(job, "me").items
    assert (item.state, item.kind, len(batches)) == ("failed", "Unprotected", 3)
    assert "nothing was changed" in item.reason
    assert item.record["attempts"] == 3


def test_an_item_that_workers_end_over_runs_alone_and_is_given_up(
    bench: Bench, batches: list[int], picture: Picture
) -> None:
    job = bench.submit(picture(), picture("coffee"))
    bench.worker.turn()
    for _ in range(2):
        bench.service.queue.claim("dead", str(bench.service.queue.next()["lane"]), 2)  # type: ignore[index]
        bench.service.queue.release("dead", counted=True)
    while bench.worker.turn():
        pass
    assert (batches, bench.state(job)) == ([1, 1], "done")
    hopeless = bench.submit(picture())
    bench.worker.turn()
    for _ in range(4):
        bench.service.queue.claim("dead", str(bench.service.queue.next()["lane"]), 2)  # type: ignore[index]
        bench.service.queue.release("dead", counted=True)
    while bench.worker.turn():
        pass
    (item,) = bench.service.jobs.status(hopeless, "me").items
    assert (item.state, item.kind) == ("failed", "Abandoned")
    assert "4 workers ended over it" in item.reason


def test_a_batch_that_nobody_waits_for_any_more_is_stopped(
    bench: Bench, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.submit(picture())
    bench.worker.turn()
    step = bench.desk.step

    def stepped(item: Any, steps: int) -> None:
        if steps == 3:
            bench.service.jobs.cancel(job, "me")
            bench.desk.beat()
        step(item, steps)

    monkeypatch.setattr(bench.desk, "step", stepped)
    with pytest.raises(Cancelled):
        bench.worker.turn()
    bench.desk.drop()
    assert bench.state(job) == "cancelled"
    assert bench.desk.holds == 0
    assert not list(bench.service.jobs.folder(job).glob("out-*"))


def test_a_worker_that_is_told_to_stop_leaves_its_work_in_the_queue(
    bench: Bench, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit(picture())
    step = bench.desk.step

    def stepped(item: Any, steps: int) -> None:
        bench.stop.set()
        step(item, steps)

    monkeypatch.setattr(bench.desk, "step", stepped)
    bench.worker.run()
    assert bench.service.jobs.counts() == {"queued": 1}
    with bench.service.database.transaction(write=False) as run:
        assert run("SELECT tries FROM items")[0]["tries"] == 0


def test_a_job_for_a_model_that_was_removed_fails_alone(bench: Bench, picture: Picture) -> None:
    gone = bench.submit(picture(), model="gone")
    sound = [bench.submit(picture()), bench.submit(picture("coffee"))]
    bench.work()
    assert [bench.state(job) for job in sound] == ["done", "done"]
    item = bench.item(gone)
    assert (item.state, item.kind) == ("failed", "UsageError")
    assert "no model is called 'gone' here any more" in item.reason


def test_a_request_that_cannot_be_read_fails_alone(
    bench: Bench, picture: Picture, caplog: pytest.LogCaptureFixture
) -> None:
    strange, sound = bench.submit(picture()), bench.submit(picture())
    with bench.service.database.transaction() as run:
        run("UPDATE jobs SET request = '{}' WHERE id = ?", strange)
    bench.work()
    assert (bench.state(strange), bench.state(sound)) == ("failed", "done")
    reason = bench.item(strange).reason
    assert reason == "0.png: an unexpected error (ValidationError); tell the operator"
    assert "Field required" in caplog.text, "the operator is told all of it"


@pytest.mark.parametrize("when", ["first", "arriving"])
def test_a_picture_that_breaks_its_preparation_fails_alone(
    bench: Bench, picture: Picture, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    jobs = [bench.submit(picture()), bench.submit(picture("coffee"))]
    bench.worker.turn()
    bad = jobs[when == "arriving"]

    def broken(item: Any, *more: Any) -> Any:
        if item.job == bad:
            raise KeyError("gone")
        return task_of(item, *more)

    monkeypatch.setattr(loop, "task_of", broken)
    bench.work()
    assert sorted(bench.state(job) for job in jobs) == ["done", "failed"]
    assert bench.state(bad) == "failed"


def test_a_result_that_the_database_does_not_take_at_once_is_not_lost(
    bench: Bench, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.submit(picture())
    bench.worker.turn()
    finish, refusals = bench.service.queue.finish, [StoreFailed("the database refuses")]

    def finished(*what: Any) -> bool:
        if refusals:
            raise refusals.pop()
        return finish(*what)

    monkeypatch.setattr(bench.service.queue, "finish", finished)
    with pytest.raises(StoreFailed):
        bench.worker.turn()
    assert bench.state(job) == "running"
    bench.desk.forget()
    bench.service.queue.release("w", counted=True)  # as if its lease had run out
    bench.work()
    assert bench.state(job) == "done"


def test_a_result_that_cannot_be_kept_is_told_without_the_servers_paths(
    bench: Bench, picture: Picture, caplog: pytest.LogCaptureFixture
) -> None:
    job = bench.submit(picture())
    taken = bench.service.jobs.folder(job) / "out-0-1.png"
    taken.mkdir()
    bench.work()
    item = bench.item(job)
    assert (item.state, item.kind) == ("failed", "NotWritten")
    assert item.reason == "0.png: the result cannot be kept; tell the operator"
    assert str(taken) in caplog.text
