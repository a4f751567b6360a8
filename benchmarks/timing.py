"""Time on a machine that is not quiet: what is compared is interleaved, then divided."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks.intervals import spread


class Seconds(NamedTuple):
    """Two clocks. CPU seconds hardly feel other programs; wall seconds are what a user waits."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Seconds":
        """What both clocks show."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, earlier: "Seconds") -> "Seconds":
        """From `earlier` to here."""
        return Seconds(self.wall - earlier.wall, self.cpu - earlier.cpu)


def timed(job: Callable[[], object]) -> Seconds:
    """How long a job takes."""
    began = Seconds.now()
    job()
    return Seconds.now().since(began)


def interleaved(
    jobs: Mapping[str, Callable[[], object]], rounds: int, *, label: str
) -> dict[str, list[Seconds]]:
    """Time the jobs in turn, `rounds` times, every other round in reversed order.

    Each job runs once before, unmeasured, to warm up.
    """
    for job in jobs.values():
        job()
    times: dict[str, list[Seconds]] = {name: [] for name in jobs}
    for turn in range(rounds):
        order = list(jobs)[:: -1 if turn % 2 else 1]
        for name in order:
            times[name].append(timed(jobs[name]))
        shown = ", ".join(f"{name} {times[name][-1].cpu:.2f}" for name in jobs)
        print(f"  {label}, round {turn + 1}/{rounds}: CPU s {shown}", flush=True)
    return times


def seconds(times: list[Seconds]) -> dict[str, Any]:
    """The spread of both clocks."""
    return {"wall": spread([t.wall for t in times]), "cpu": spread([t.cpu for t in times])}


def ratio(above: list[Seconds], below: list[Seconds]) -> dict[str, Any]:
    """The spread of the quotients, each of two neighbors in time."""
    pairs = list(zip(above, below, strict=True))
    return {
        "wall": spread([a.wall / b.wall for a, b in pairs]),
        "cpu": spread([a.cpu / b.cpu for a, b in pairs]),
    }
