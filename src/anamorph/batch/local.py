"""Runs a job on this machine: decoding and writing overlap with the computation.

Memory does not grow with the number of items: a few are loaded ahead, one batch is in the engine,
and a few wait to be written.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Generic, TypeVar

from anamorph.batch.job import Job
from anamorph.errors import Cancelled, StoreFailed
from anamorph.optimize.engine import LATER, Later, Progress, Watch, stream
from anamorph.optimize.problem import Problem

I = TypeVar("I")  # noqa: E741
L = TypeVar("L")
W = TypeVar("W")
R = TypeVar("R")

_STOPS = (Cancelled, StoreFailed)
"""No item's fault: items come from a store, and their results go there."""


def run(
    job: Job[I, L, W, R], items: Sequence[I], watch: Watch | None = None
) -> Generator[R, None, None]:
    """The result of every item, as each is ready; items of one group share batches.

    Close it when you stop before its end: that ends its threads.

    Raises:
        Cancelled: when `watch` raises it.
        StoreFailed: when the job raises it. Whatever else goes wrong is the result of its item.
    """
    groups: dict[Hashable, list[I]] = {}
    for item in items:
        groups.setdefault(job.group(item), []).append(item)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            for group, members in groups.items():
                yield from _Lane(job, job.capacity(group), reader, writer, watch).run(members)
        except BaseException:
            reader.shutdown(wait=True, cancel_futures=True)
            writer.shutdown(wait=True, cancel_futures=True)
            raise


def live(
    job: Job[I, L, W, R],
    group: Hashable,
    items: Iterable[I | Later],
    steps: Callable[[I, int], None] | None = None,
) -> Generator[R, None, None]:
    """As `run`, for items of one group that arrive while the batch is under way.

    Args:
        job: what is run.
        group: of all the items.
        items: gives `LATER` while there are none; a batch that is then empty ends the run.
        steps: called after every step, for each item in the batch, with the steps it has taken;
            raise `Cancelled` to stop.

    Raises:
        Cancelled: when `steps` raises it.
        StoreFailed: when `items` or the job raise it.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            yield from _Lane(job, job.capacity(group), reader, writer, None, steps).run(items)
        except BaseException:
            reader.shutdown(wait=True, cancel_futures=True)
            writer.shutdown(wait=True, cancel_futures=True)
            raise


@dataclass(frozen=True, slots=True)
class _Flight(Generic[I, L]):
    item: I
    loaded: L
    since: float


@dataclass(frozen=True, slots=True)
class _Broken(Generic[I, L]):
    error: Exception
    flights: tuple[_Flight[I, L], ...]


@dataclass(slots=True)
class _Lane(Generic[I, L, W, R]):
    """Items of one shape on their way through the engine."""

    job: Job[I, L, W, R]
    capacity: int
    reader: ThreadPoolExecutor
    writer: ThreadPoolExecutor
    watch: Watch | None
    steps: Callable[[I, int], None] | None = None
    results: deque[R] = field(default_factory=deque)
    writing: deque[tuple[_Flight[I, L], Future[W]]] = field(default_factory=deque)

    def run(self, items: Iterable[I | Later]) -> Iterator[R]:
        """All the items; when a batch breaks, its items run alone to find whose error it is."""
        supply = self._ahead(items)
        while broken := (yield from self._batch(supply, self.capacity)):
            yield from self._drain()
            for flight in broken.flights:
                error: Exception | None = broken.error
                if self.capacity > 1:
                    alone = yield from self._batch(iter([flight]), 1)
                    error = alone.error if alone else None
                if error is not None:
                    yield self.job.failed(flight.item, error)
        yield from self._written(leave=0)

    def _batch(
        self, supply: Iterator[_Flight[I, L] | Later], capacity: int
    ) -> Generator[R, None, "_Broken[I, L] | None"]:
        """Stream items through the engine until there are no more, or an error stops it."""
        flying: dict[int, _Flight[I, L]] = {}
        supplied = count()

        def more(room: int) -> Problem[Any] | Later | None:
            fresh: list[_Flight[I, L]] = []
            later = False
            for flight in islice(supply, room):
                if flight is LATER:
                    later = True
                    break
                fresh.append(flight)
            flying.update({i: f for f, i in zip(fresh, supplied, strict=False)})
            if not fresh:
                return LATER if later else None
            return self.job.problem([f.loaded for f in fresh])

        def watch(progress: Progress) -> None:
            if self.watch is not None:
                self.watch(progress)
            if self.steps is not None:
                taken = zip(progress.sample.tolist(), progress.steps.tolist(), strict=True)
                for sample, steps in taken:
                    self.steps(flying[sample].item, steps)

        try:
            for solved in stream(more, capacity=capacity, watch=watch):
                flight = flying.pop(solved.sample)
                write = self.writer.submit(self.job.write, flight.item, flight.loaded, solved)
                self.writing.append((flight, write))
                del solved, flight  # a large picture must not outlive its turn
                yield from self._written(leave=max(1, capacity // 2))
        except _STOPS:
            raise
        except Exception as error:
            if not flying:
                raise
            return _Broken(error, tuple(flying.values()))
        yield from self._drain()
        return None

    def _written(self, leave: int) -> Iterator[R]:
        """Judge what has been written; wait while more than `leave` are still being written."""
        while self.writing and (self.writing[0][1].done() or len(self.writing) > leave):
            flight, written = self.writing.popleft()
            try:
                elapsed = time.perf_counter() - flight.since
                yield self.job.judge(flight.item, flight.loaded, written.result(), elapsed)
            except _STOPS:
                raise
            except Exception as error:
                yield self.job.failed(flight.item, error)
        yield from self._drain()

    def _drain(self) -> Iterator[R]:
        while self.results:
            yield self.results.popleft()

    def _ahead(self, items: Iterable[I | Later]) -> Iterator[_Flight[I, L] | Later]:
        """Load in the background; an item that does not load becomes its own result."""
        waiting: deque[tuple[I, Future[L]]] = deque()
        source = iter(items)
        while True:
            later = False
            for item in islice(source, self.capacity + 1 - len(waiting)):
                if item is LATER:
                    later = True
                    break
                waiting.append((item, self.reader.submit(self.job.load, item)))
            if not waiting:
                if not later:
                    return
                yield LATER
                continue
            item, loading = waiting.popleft()
            try:
                loaded = loading.result()
            except _STOPS:
                raise
            except Exception as error:
                self.results.append(self.job.failed(item, error))
            else:
                yield _Flight(item, loaded, time.perf_counter())
