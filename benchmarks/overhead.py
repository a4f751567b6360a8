"""What a step of the engine costs over the floor, measured step by step.

The floor's step runs in the engine's own `watch`, right after each step of the engine: A B A B with
less than a second between, so that whatever else the machine does weighs on both alike. Only what
lies outside the watch counts for the engine.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.floor import Step
from benchmarks.intervals import spread
from benchmarks.scenes import Scene
from benchmarks.timing import Seconds, timed

from anamorph.optimize.engine import Progress, solve


class Steps(NamedTuple):
    """One round: the engine's steps and the floor's, and the whole of the engine's run."""

    engine: list[Seconds]
    """Without the first step, whose share of the preparation cannot be told apart."""
    floor: list[Seconds]
    """The floor's step that followed each of these."""
    whole: Seconds
    """All of it: clean features, start, every step, the last evaluation."""


@dataclass(slots=True)
class _Alternating:
    """A watch that notes how long the engine's step took, then runs the floor's."""

    floor_step: Step
    resumed: Seconds = field(default_factory=Seconds.now)
    engine: list[Seconds] = field(default_factory=list)
    floor: list[Seconds] = field(default_factory=list)

    def __call__(self, _: Progress) -> None:
        self.engine.append(Seconds.now().since(self.resumed))
        self.floor.append(timed(self.floor_step))
        self.resumed = Seconds.now()


def one_round(scene: Scene) -> Steps:
    """Solve once, a step of the floor between any two steps."""
    watch = _Alternating(scene.floor)
    began = Seconds.now()
    solve(scene.pose(), watch)
    both = Seconds.now().since(began)
    spent = Seconds(sum(t.wall for t in watch.floor), sum(t.cpu for t in watch.floor))
    return Steps(watch.engine[1:], watch.floor[1:], both.since(spent))


def overhead(scene: Scene, *, rounds: int, label: str) -> dict[str, Any]:
    """Ratios to the floor: of a step, and of a whole run to as many steps of the floor.

    Each round gives one number, for `step` the sum over its steps, which need not cost alike; what
    is reported is the median and spread over the rounds.
    """
    one_round(scene)  # warm up
    measured = []
    for turn in range(rounds):
        measured.append(one_round(scene))
        now = _step_ratio(measured[-1])
        print(f"  {label}, round {turn + 1}/{rounds}: step / floor {now['cpu']:.3f}", flush=True)
    wholes = [_whole_ratio(m, scene.parameters["steps"]) for m in measured]
    steps = [_step_ratio(m) for m in measured]
    return {
        "step": {clock: spread([s[clock] for s in steps]) for clock in ("wall", "cpu")},
        "whole": {clock: spread([w[clock] for w in wholes]) for clock in ("wall", "cpu")},
        "floor_cpu_seconds": spread([t.cpu for m in measured for t in m.floor]),
    }


def _step_ratio(round_: Steps) -> dict[str, float]:
    engine, floor = (
        [sum(clock) for clock in zip(*steps, strict=True)]
        for steps in (round_.engine, round_.floor)
    )
    return {"wall": engine[0] / floor[0], "cpu": engine[1] / floor[1]}


def _whole_ratio(round_: Steps, steps: int) -> dict[str, float]:
    per_step = [sum(clock) / len(round_.floor) for clock in zip(*round_.floor, strict=True)]
    return {
        "wall": round_.whole.wall / (steps * per_step[0]),
        "cpu": round_.whole.cpu / (steps * per_step[1]),
    }
