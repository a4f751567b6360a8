"""The loop of a worker: whose turn it is, with whom it shares a batch, what became of it.

Pictures of one size that ask for the same run in one batch, whoever sent them, and one that arrives
while such a batch is under way joins it. A batch goes on while its lane has items, but not for
longer than `PATIENCE` while others wait, and not at all while somebody else waits for an answer.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event
from typing import Any, NamedTuple, TypeVar

from anamorph.app.ledger import Entry
from anamorph.batch import local
from anamorph.errors import Cancelled, StoreFailed
from anamorph.optimize.engine import LATER, Later, Solved
from anamorph.service.database import Row
from anamorph.service.queue import UNSORTED, Item, Queue
from anamorph.service.worker.batches import Batch, batch_for, task_of
from anamorph.service.worker.calls import call
from anamorph.service.worker.desk import Desk
from anamorph.service.worker.roster import Roster

PATIENCE = 10.0
"""Seconds that a lane is kept while others wait."""

_ALONE = "alone:"
_SUSPECT = "|"
"""In the lane of an item that several workers ended over: it runs by itself."""

_SUSPECT_FROM = 3
"""Tries from which an item is suspected."""

_SORTED_AT_ONCE = 16
_PAUSE = 0.05
_OUTAGE = 1.0
_ASK = 0.1
"""Seconds between questions to the queue while a batch is under way."""

_log = logging.getLogger("anamorph.worker")

T = TypeVar("T")


class _Work(NamedTuple):
    """An item with the task that its job makes of it."""

    item: Item
    task: Any


class _Ready(NamedTuple):
    """What an item needs to run."""

    batch: Batch
    work: _Work
    group: Any


class _Served:
    """The job of a batch, for items of the queue (a `batch.job.Job`)."""

    def __init__(self, batch: Batch, desk: Desk) -> None:
        self._job = batch.job
        self._batch = batch
        self._desk = desk

    def group(self, item: _Work) -> Any:
        return self._job.group(item.task)

    def capacity(self, group: Any) -> int:
        return self._job.capacity(group)

    def load(self, item: _Work) -> Any:
        return self._job.load(item.task)

    def problem(self, loaded: Any) -> Any:
        return self._job.problem(loaded)

    def write(self, item: _Work, loaded: Any, solved: Solved) -> Any:
        return self._job.write(item.task, loaded, solved)

    def judge(self, item: _Work, loaded: Any, written: Any, seconds: float) -> None:
        result = self._job.judge(item.task, loaded, written, seconds)
        if isinstance(result, Entry):
            self._desk.settle(item.item, result)
        else:
            self._desk.again(item.item)

    def failed(self, item: _Work, error: Exception) -> None:
        self._desk.fail(item.item, error)


class Worker:
    """Takes items from the queue until it is told to stop."""

    def __init__(self, queue: Queue, roster: Roster, desk: Desk, stop: Event) -> None:
        self._queue = queue
        self._roster = roster
        self._desk = desk
        self._stop = stop

    def run(self) -> None:
        """Work; ends when `stop` is set, with what is unfinished back in the queue."""
        while not self._stop.is_set():
            try:
                if not self.turn():
                    self._stop.wait(_PAUSE)
            except Cancelled:
                self._desk.drop()
            except StoreFailed as error:
                _log.warning("%s", error)
                self._stop.wait(_OUTAGE)
                self._desk.forget()
        self._desk.drop()

    def turn(self) -> bool:
        """Do what is next, if there is anything."""
        head = self._queue.next()
        if head is None:
            return False
        lane = str(head["lane"])
        if lane == UNSORTED:
            return self._sort()
        if lane.startswith(_ALONE):
            return self._call(lane)
        return self._together(lane)

    def _sort(self) -> bool:
        """Look at sizes, and queue each item with those it can share a batch with."""
        items = self._desk.claim(UNSORTED, _SORTED_AT_ONCE)
        for item in items:
            ready = self._tried(item, self._ready)
            if ready is not None:
                lane = ready.batch.lane(item, ready.work.task)
                suspect = f"{_SUSPECT}{item.id}" if item.tries >= _SUSPECT_FROM else ""
                self._desk.move(item, lane + suspect, ready.batch.steps)
        return bool(items)

    def _call(self, lane: str) -> bool:
        items = self._desk.claim(lane, 1)
        for item in items:
            self._tried(item, self._called)
        return bool(items)

    def _called(self, item: Item) -> None:
        self._desk.keep(item, call(item, self._roster, self._desk.tick))

    def _together(self, lane: str) -> bool:
        first = self._desk.claim(lane, 1)
        if not first:
            return False
        ready = self._tried(first[0], self._ready)
        if ready is None:
            return True
        batch, work, group = ready
        served = _Served(batch, self._desk)
        arriving = self._arriving(work, lane, batch, served.capacity(group) + 1)
        with closing(local.live(served, group, arriving, self._step)) as results:
            for _ in results:
                pass
        return True

    def _arriving(
        self, first: _Work, lane: str, batch: Batch, most: int
    ) -> Iterator[_Work | Later]:
        """The items of a lane, as they come."""
        yield first
        began, asked = time.monotonic(), 0.0
        while not self._stop.is_set() and _SUSPECT not in lane:
            now, room = time.monotonic(), most - self._desk.holds
            if room <= 0 or now - asked < _ASK:
                yield LATER
                continue
            asked = now
            head = self._queue.next()
            if head is not None and head["lane"] == UNSORTED:
                self._sort()
                head = self._queue.next()
            if head is None:
                yield LATER
                continue
            if _first(head, lane, now - began):
                return
            items = self._desk.claim(lane, room)
            if not items:
                yield LATER
            elif len(items) == room:
                asked = 0.0
            for item in items:
                if item.tries >= _SUSPECT_FROM:
                    self._desk.move(item, f"{lane}{_SUSPECT}{item.id}", batch.steps)
                    continue
                task = self._tried(item, lambda item: task_of(item, batch, self._roster))
                if task is not None:
                    yield _Work(item, task)

    def _ready(self, item: Item) -> _Ready:
        batch = batch_for(item, self._roster)
        task = task_of(item, batch, self._roster)
        return _Ready(batch, _Work(item, task), batch.job.group(task))

    def _tried(self, item: Item, make: Callable[[Item], T]) -> T | None:
        """What is made of an item; if that fails, None, and the item has ended with the error.

        Whatever the error is: a worker that ended over it would take other items along.
        """
        try:
            return make(item)
        except (Cancelled, StoreFailed):
            raise
        except Exception as error:
            self._desk.fail(item, error)
            return None

    def _step(self, work: _Work, steps: int) -> None:
        self._desk.step(work.item, steps)


def _first(head: Row, lane: str, elapsed: float) -> bool:
    """Whether those whose turn it is go before the lane that has run for so long."""
    return head["lane"] != lane and (bool(head["urgent"]) or elapsed > PATIENCE)
