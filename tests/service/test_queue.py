"""The queue in both databases: no item is lost, and none ends twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anamorph.errors import UsageError
from anamorph.service.database import Database, connect
from anamorph.service.jobs import Jobs, Submission, Upload, new_id
from anamorph.service.queue import UNSORTED, Ending, Queue
from anamorph.service.refusals import Busy, Missing
from anamorph.service.schema import prepare
from anamorph.service.settings import Bounds

LEASE = 0.3
DONE = Ending(state="done", record={"psnr": 1.5}, output="out-0-1.png", media="image/png")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = connect(f"sqlite:///{tmp_path / 'q.sqlite3'}")
    else:
        made = connect(request.getfixturevalue("postgres"))
    prepare(made)
    yield made
    with made.transaction() as run:
        for table in ("items", "jobs", "tokens", "workers"):
            run(f"DROP TABLE {table}")
    made.close()


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, LEASE)


@pytest.fixture
def jobs(database: Database, tmp_path: Path) -> Jobs:
    return Jobs(database, tmp_path / "jobs", Bounds(queue=50, keep_seconds=0.01))


Submit = Callable[..., str]


@pytest.fixture
def submit(jobs: Jobs) -> Submit:
    def make(items: int = 1, *, lane: str = "a", urgent: bool = False, owner: str = "me") -> str:
        job = Submission(
            id=new_id(),
            owner=owner,
            verb="protect",
            request="{}",
            lane=lane,
            urgent=urgent,
            uploads=[Upload(name=f"{i}.png", files=(f"in-{i}",), size=10) for i in range(items)],
            secret=b"sealed key",
        )
        jobs.submit(job)
        return job.id

    return make


def test_items_come_in_the_order_they_were_submitted(queue: Queue, submit: Submit) -> None:
    first, second = submit(2), submit(1)
    taken = queue.claim("w", "a", 5)
    assert [(item.job, item.place) for item in taken] == [(first, 0), (first, 1), (second, 0)]
    assert taken[0].secret == b"sealed key"
    assert queue.next() is None


def test_who_waits_for_an_answer_goes_first(queue: Queue, submit: Submit) -> None:
    submit(3, lane="a")
    submit(1, lane="b", urgent=True)
    head = queue.next()
    assert head is not None
    assert (head["lane"], head["urgent"]) == ("b", 1)


def test_an_item_is_leased_to_one_worker_until_the_lease_runs_out(
    queue: Queue, submit: Submit
) -> None:
    submit()
    (item,) = queue.claim("one", "a", 1)
    assert queue.claim("two", "a", 1) == []
    time.sleep(LEASE + 0.1)
    (again,) = queue.claim("two", "a", 1)
    assert (again.id, again.tries) == (item.id, 2)
    assert not queue.finish(item, "one", DONE), "the first worker's result is thrown away"
    assert queue.finish(again, "two", DONE)
    assert not queue.finish(again, "two", DONE), "nothing ends twice"


def test_a_lease_that_is_renewed_does_not_run_out(queue: Queue, submit: Submit) -> None:
    job = submit()
    (item,) = queue.claim("one", "a", 1)
    for step in range(4):
        time.sleep(LEASE / 2)
        assert queue.renew("one", {item.id: step}) == {item.id}
    assert queue.claim("two", "a", 1) == []
    del job


def test_what_a_dead_worker_held_goes_back_at_once(queue: Queue, submit: Submit) -> None:
    submit(2)
    queue.claim("dead", "a", 2)
    assert queue.release("dead", counted=True) == 2
    assert [item.tries for item in queue.claim("two", "a", 2)] == [2, 2]


def test_an_item_that_is_put_back_keeps_its_turn_and_its_tries(
    queue: Queue, submit: Submit
) -> None:
    submit(1, lane=UNSORTED)
    submit(1, lane="b")
    (item,) = queue.claim("w", UNSORTED, 1)
    queue.put_back(item, "w", lane="sorted", attempt=1, effort=20)
    head = queue.next()
    assert head is not None
    assert head["lane"] == "sorted"
    (again,) = queue.claim("w", "sorted", 1)
    assert (again.tries, again.attempt) == (1, 1)


def test_a_job_ends_with_its_last_item_and_forgets_its_key(
    queue: Queue, jobs: Jobs, submit: Submit, database: Database
) -> None:
    job = submit(2)
    one, two = queue.claim("w", "a", 2)
    queue.finish(one, "w", DONE)
    assert (jobs.status(job, "me").state, jobs.ended([job])) == ("running", set())
    queue.finish(two, "w", Ending(state="failed", kind="NotAnImage", reason="broken"))
    status = jobs.status(job, "me")
    assert (status.state, status.counts["done"], status.counts["failed"]) == ("failed", 1, 1)
    assert status.items[0].record == {"psnr": 1.5}
    assert jobs.ended([job, "0" * 32]) == {job, "0" * 32}
    with database.transaction(write=False) as run:
        assert run("SELECT secret FROM jobs")[0]["secret"] is None


def test_a_cancelled_job_gives_nothing_to_workers(queue: Queue, jobs: Jobs, submit: Submit) -> None:
    job = submit(2)
    (item,) = queue.claim("w", "a", 1)
    jobs.cancel(job, "me")
    assert queue.renew("w", {item.id: 3}) == frozenset()
    assert not queue.finish(item, "w", DONE)
    assert queue.next() is None
    assert jobs.status(job, "me").state == "cancelled"


def test_jobs_of_others_are_missing(jobs: Jobs, submit: Submit) -> None:
    job = submit()
    for act in (jobs.status, jobs.cancel, jobs.delete):
        with pytest.raises(Missing):
            act(job, "somebody else")
    assert jobs.status(job, None).owner == "me"


def test_ones_own_jobs_are_listed_the_newest_first(jobs: Jobs, submit: Submit) -> None:
    assert jobs.newest("me", 5) == []
    first, second = submit(), submit()
    assert [job.id for job in jobs.newest("me", 5)] == [second, first]
    assert [job.id for job in jobs.newest(None, 1)] == [second]
    (older,) = jobs.newest("me", 5, before=second)
    assert (older.id, older.state, sum(older.counts.values())) == (first, "queued", 1)
    assert jobs.newest("you", 5) == []
    with pytest.raises(Missing, match=r"there is no job"):
        jobs.newest("you", 5, before=second)


def test_a_finished_job_is_deleted_with_its_folder_when_its_time_is_over(
    queue: Queue, jobs: Jobs, submit: Submit
) -> None:
    job, waiting = submit(), submit()
    for one in (job, waiting):
        jobs.folder(one).mkdir(parents=True)
    queue.finish(queue.claim("w", "a", 1)[0], "w", DONE)
    time.sleep(0.05)
    assert jobs.expire() == 1
    assert not jobs.folder(job).exists()
    assert jobs.folder(waiting).exists()


def test_an_upload_that_removes_its_folder_meanwhile_stops_no_sweep(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [jobs.folder(name) for name in ("going", "left")]
    for folder in folders:
        folder.mkdir(parents=True)
    time.sleep(0.05)
    gone = folders[0].with_name("gone")
    monkeypatch.setattr(Path, "iterdir", lambda _: iter([gone, *folders]))
    jobs.expire()
    assert not any(folder.exists() for folder in folders)


def test_a_full_queue_takes_nothing(jobs: Jobs, submit: Submit) -> None:
    submit(49)
    jobs.check_room(1)
    with pytest.raises(Busy, match="49 pictures are waiting"):
        submit(2)
    assert jobs.counts() == {"queued": 49}


def test_workers_at_the_same_time_end_every_item_once(
    queue: Queue, jobs: Jobs, submit: Submit
) -> None:
    ids = [submit(4) for _ in range(8)]
    ended: Counter[str] = Counter()
    lock = threading.Lock()

    def work(name: str) -> None:
        while items := queue.claim(name, "a", 3):
            for item in items:
                if queue.finish(item, name, DONE):
                    with lock:
                        ended[item.id] += 1

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 32
    assert set(ended.values()) == {1}
    assert {jobs.status(job, "me").state for job in ids} == {"done"}


def test_workers_that_are_there_tell_their_models(queue: Queue) -> None:
    queue.seen("w", [{"name": "toy"}])
    queue.seen("w", [{"name": "toy 2"}])
    assert queue.workers() == {"w": [{"name": "toy 2"}]}
    time.sleep(LEASE + 0.1)
    assert queue.workers() == {}


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(UsageError, match="sqlite:/// or postgresql://"):
        connect("mysql://x")
