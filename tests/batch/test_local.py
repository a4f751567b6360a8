"""A job of numbers: each item is a number z, its problem is to climb from 0 to z in steps of 1."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from anamorph.batch import local
from anamorph.errors import Cancelled, StoreFailed
from anamorph.optimize.engine import LATER, Later, Progress, Solved
from anamorph.optimize.problem import Problem
from anamorph.optimize.steps import Sign
from anamorph.optimize.terms import Terms

STEPS = 3

FAULTS = ("load", "problem", "objective", "write", "judge")


class Item(NamedTuple):
    number: int
    group: int = 0
    fault: str = ""
    """The step that fails."""


class Result(NamedTuple):
    number: int
    reached: float | None
    error: str = ""


@dataclass
class Numbers:
    """A job that counts what it is asked for and fails where an item says so."""

    room: int
    loaded: set[int] = field(default_factory=set)
    most_loaded: int = 0
    batches: list[list[Item]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def group(self, item: Item) -> Hashable:
        return item.group

    def capacity(self, group: Any) -> int:
        return self.room

    def load(self, item: Item) -> Item:
        _fail(item, "load")
        with self._lock:
            self.loaded.add(item.number)
            self.most_loaded = max(self.most_loaded, len(self.loaded))
        return item

    def problem(self, loaded: Sequence[Item]) -> Problem[Any]:
        self.batches.append(list(loaded))
        for item in loaded:
            _fail(item, "problem")
        goal = torch.tensor([[float(item.number)] for item in loaded])
        broken = torch.tensor([item.fault == "objective" for item in loaded])

        def objective(z: Tensor, context: tuple[Tensor, Tensor]) -> Terms:
            goal, broken = context
            if broken.any():
                raise RuntimeError("fault in objective")
            return Terms(parts={"distance": (z - goal).square().sum(1)})

        return Problem(
            sense="min",
            objective=objective,
            start=torch.zeros_like(goal),
            context=(goal, broken),
            step=Sign(1.0),
            project=lambda z, _: z,
            iterations=STEPS,
        )

    def write(self, item: Item, loaded: Item, solved: Solved) -> float:
        _fail(item, "write")
        return solved.value.item()

    def judge(self, item: Item, loaded: Item, written: float, seconds: float) -> Result:
        self._release(item)
        _fail(item, "judge")
        return Result(item.number, written)

    def failed(self, item: Item, error: Exception) -> Result:
        self._release(item)
        return Result(item.number, None, str(error))

    def _release(self, item: Item) -> None:
        with self._lock:
            self.loaded.discard(item.number)


def _fail(item: Item, step: str) -> None:
    if item.fault == step:
        raise RuntimeError(f"fault in {step}")


def _expected(item: Item) -> Result:
    if item.fault:
        return Result(item.number, None, f"fault in {item.fault}")
    return Result(item.number, float(min(item.number, STEPS)))


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("room", [1, 2, 4])
@pytest.mark.parametrize("bad", [{0}, {4}, {2, 3}, set(range(5))], ids=str)
def test_an_item_that_fails_fails_alone(fault: str, room: int, bad: set[int]) -> None:
    items = [Item(n, fault=fault if n in bad else "") for n in range(5)]
    results = list(local.run(Numbers(room), items))
    assert sorted(results) == [_expected(item) for item in items]


@settings(max_examples=60)
@given(
    faults=st.lists(st.tuples(st.sampled_from(("", "", *FAULTS)), st.integers(0, 2)), max_size=12),
    room=st.integers(1, 5),
)
def test_every_item_gets_exactly_one_result_whatever_fails(
    faults: list[tuple[str, int]], room: int
) -> None:
    items = [Item(n, group, fault) for n, (fault, group) in enumerate(faults)]
    job = Numbers(room)
    results = list(local.run(job, items))
    assert Counter(results) == Counter(_expected(item) for item in items)
    assert all(len({item.group for item in batch}) == 1 for batch in job.batches)
    assert not job.loaded


def test_a_batch_is_never_larger_than_its_capacity() -> None:
    job = Numbers(room=3)
    assert len(list(local.run(job, [Item(n) for n in range(8)]))) == 8
    assert max(map(len, job.batches)) == 3


@pytest.mark.parametrize("room", [1, 4])
def test_what_is_loaded_at_once_does_not_grow_with_the_number_of_items(room: int) -> None:
    job = Numbers(room)
    assert len(list(local.run(job, [Item(n) for n in range(60)]))) == 60
    # Ahead of the engine, in it, and behind it.
    assert job.most_loaded <= (room + 1) + room + (max(1, room // 2) + 1)


def test_results_come_while_later_items_are_still_to_be_loaded() -> None:
    job = Numbers(room=1)
    with closing(local.run(job, [Item(n) for n in range(50)])) as results:
        assert next(results) == Result(0, 0.0)
        assert len(job.batches) < 10


def test_no_items_give_no_results() -> None:
    assert list(local.run(Numbers(room=2), [])) == []


def _at_step(step: int, error: BaseException) -> Callable[[Progress], None]:
    steps = iter(range(1_000))

    def watch(progress: Progress) -> None:
        if next(steps) == step:
            raise error

    return watch


@pytest.mark.parametrize("error", [Cancelled("stop"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("room", [1, 3])
def test_whoever_watches_can_stop_the_run_at_once(error: BaseException, room: int) -> None:
    job = Numbers(room)
    got: list[Result] = []
    with pytest.raises(type(error)):
        got.extend(local.run(job, [Item(n) for n in range(100)], _at_step(2 * STEPS, error)))
    assert len(job.batches) < 10


@dataclass
class Stopping(Numbers):
    """Raises something that is no item's fault in one of its steps."""

    where: str = ""
    error: BaseException = field(default_factory=KeyboardInterrupt)

    def load(self, item: Item) -> Item:
        self._stop(item, "load")
        return super().load(item)

    def write(self, item: Item, loaded: Item, solved: Solved) -> float:
        self._stop(item, "write")
        return super().write(item, loaded, solved)

    def judge(self, item: Item, loaded: Item, written: float, seconds: float) -> Result:
        self._stop(item, "judge")
        return super().judge(item, loaded, written, seconds)

    def _stop(self, item: Item, step: str) -> None:
        if step == self.where and item.number == 3:
            raise self.error


@pytest.mark.parametrize(
    "error", [Cancelled("stop"), StoreFailed("gone"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("where", ["load", "write", "judge"])
@pytest.mark.parametrize("room", [1, 3])
def test_stopping_is_never_taken_for_the_fault_of_an_item(
    error: BaseException, where: str, room: int
) -> None:
    job = Stopping(room, where=where, error=error)
    got: list[Result] = []
    with pytest.raises(type(error)):
        got.extend(local.run(job, [Item(n) for n in range(100)]))
    assert len(job.batches) < 20


def test_leaving_early_ends_the_threads() -> None:
    with closing(local.run(Numbers(room=2), [Item(n) for n in range(100)])) as results:
        next(results)
    # The fixture looks for threads that are left.


def test_loading_and_writing_run_beside_the_computation() -> None:
    seen: dict[str, set[str]] = {"load": set(), "write": set(), "judge": set()}

    @dataclass
    class Watched(Numbers):
        def load(self, item: Item) -> Item:
            seen["load"].add(threading.current_thread().name)
            return super().load(item)

        def write(self, item: Item, loaded: Item, solved: Solved) -> float:
            seen["write"].add(threading.current_thread().name)
            return super().write(item, loaded, solved)

        def judge(self, item: Item, loaded: Item, written: float, seconds: float) -> Result:
            seen["judge"].add(threading.current_thread().name)
            return super().judge(item, loaded, written, seconds)

    list(local.run(Watched(room=2), [Item(n) for n in range(6)]))
    main = threading.current_thread().name
    assert seen["judge"] == {main}
    assert main not in seen["load"] | seen["write"]
    assert not seen["load"] & seen["write"]


def test_an_item_keeps_its_result_when_another_in_its_batch_breaks_it() -> None:
    alone = list(local.run(Numbers(room=1), [Item(2)]))
    beside = list(local.run(Numbers(room=4), [Item(1, fault="objective"), Item(2), Item(3)]))
    assert set(alone) <= set(beside)


def test_items_that_arrive_while_a_batch_is_under_way_join_it() -> None:
    job = Numbers(4)
    pause: list[Item | Later] = [LATER, LATER]
    arriving = [Item(1), *pause, Item(2), *pause, Item(3)]
    assert sorted(local.live(job, 0, arriving)) == [_expected(Item(n)) for n in (1, 2, 3)]
    assert [[item.number for item in batch] for batch in job.batches] == [[1], [2], [3]]


def test_a_live_batch_that_runs_empty_ends_though_more_may_come_later() -> None:
    def arriving() -> Iterator[Item | Later]:
        yield Item(1)
        while True:
            yield LATER

    with closing(local.live(Numbers(4), 0, arriving())) as results:
        assert list(results) == [_expected(Item(1))]


def test_a_store_that_gives_no_more_items_breaks_no_batch() -> None:
    def arriving() -> Iterator[Item | Later]:
        yield from (Item(1), LATER, LATER)
        raise StoreFailed("gone")

    job = Numbers(2)
    with pytest.raises(StoreFailed):
        list(local.live(job, 0, arriving()))
    assert [[item.number for item in batch] for batch in job.batches] == [[1]]


def test_steps_are_told_of_each_item_in_a_live_batch() -> None:
    told: list[tuple[int, int]] = []
    items: list[Item | Later] = [Item(1), Item(2)]
    done = local.live(Numbers(2), 0, items, lambda item, n: told.append((item.number, n)))
    assert len(list(done)) == 2
    assert sorted(told) == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize("fault", FAULTS)
def test_in_a_live_batch_only_the_guilty_item_fails(fault: str) -> None:
    items: list[Item | Later] = [Item(1), Item(2, fault=fault), LATER, Item(3)]
    results = sorted(local.live(Numbers(3), 0, items))
    assert results == [_expected(Item(1)), _expected(Item(2, fault=fault)), _expected(Item(3))]


def test_a_live_batch_stops_when_the_caller_asks(no_threads_left: None) -> None:
    def stop(item: Item, steps: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        list(local.live(Numbers(2), 0, [Item(1)], stop))
