"""The one loop: projected gradient ascent or descent, each sample on its own path."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from anamorph.optimize.problem import Problem
from anamorph.optimize.rows import Rows, join, shaped, take
from anamorph.optimize.terms import Terms
from anamorph.types import PerSample, PerSampleBool

Watch = Callable[["Progress"], None]
"""Called after every step; raise to cancel."""


class Supply(Enum):
    """What a supply may say instead of giving samples."""

    LATER = auto()
    """There are none just now, and there may be some later."""


Later: TypeAlias = Literal[Supply.LATER]
LATER: Later = Supply.LATER


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the samples in the batch stand after a step."""

    sample: Tensor
    """Which samples, in the order they were supplied."""
    steps: Tensor
    """Steps each has taken."""
    terms: Terms
    """The terms before the step."""


class Solved(NamedTuple):
    """The best point found for one sample."""

    sample: int
    """Which sample, in the order they were supplied."""
    value: Tensor
    """The point itself, without the batch axis, on the CPU like all the rest of this."""
    score: float
    """By what it was chosen, higher is better: where the check passes what the combining rule says
    or the problem's own score, elsewhere the slack."""
    passes: bool
    """Whether the check passes there."""
    steps: int
    """Steps taken in all."""
    best_at: int
    """Steps taken when the best point was found."""


class _Best(NamedTuple):
    z: Tensor
    passes: PerSampleBool
    score: PerSample
    at: Tensor


class _Batch(NamedTuple):
    sample: Tensor
    age: Tensor
    spent: Tensor  # seconds
    z: Tensor
    context: Rows
    step: Rows
    combine: Rows
    best: _Best


def solve(problem: Problem[Any], watch: Watch | None = None) -> list[Solved]:
    """Solve for all the samples of a problem at once, in their order."""
    supply = iter([problem])
    solved = stream(lambda _: next(supply, None), capacity=len(problem.start), watch=watch)
    return sorted(solved, key=lambda s: s.sample)


def stream(
    more: Callable[[int], Problem[Any] | Later | None],
    *,
    capacity: int,
    watch: Watch | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Solved]:
    """Solve for a stream of samples, yielding each as it finishes.

    `more(k)` returns up to k further samples as a problem, or None when there are no more. Their
    problems differ in start and context alone: the first one's rules hold for all. The place of a
    finished sample is refilled at once, so the batch stays full. `LATER` goes on with those in the
    batch and asks again after a step; where there are none in it, that is the end.

    Best of a sample: points that pass the check before points that don't; among the former the
    highest value of the combining rule, among the latter the one nearest to passing.
    """
    problem = more(capacity)
    if problem is None or problem is LATER:
        return
    sign = 1.0 if problem.sense == "max" else -1.0
    batch, supplied = _begin(problem, 0), len(problem.start)
    problem = replace(problem, start=problem.start[:0], context=None)  # the rules alone
    dry = False
    while True:
        while not dry and (room := capacity - len(batch.sample)) > 0:
            given = more(room)
            if given is LATER:
                break
            fresh = _begun(given, supplied)
            dry = fresh is None
            if fresh is not None:
                supplied += len(fresh.sample)
                batch = join(batch, fresh) if len(batch.sample) else fresh
            del given, fresh
        if not len(batch.sample):
            return
        last = batch.age >= problem.iterations
        if problem.seconds is not None:
            last |= batch.spent >= problem.seconds
        if last.any():
            done = take(batch, last)
            with torch.no_grad():
                terms = problem.objective(done.z, problem.turn(done.context, done.age, last[last]))
            batch = take(batch, ~last)
            yield from _emit(_remember(done, terms, problem))
            del done  # a large picture's state must not outlive it
            continue
        began = clock()
        context = problem.turn(batch.context, batch.age, last)
        with torch.enable_grad():
            z = batch.z.detach().requires_grad_()
            terms = problem.objective(z, context)
            gradient, combine = problem.combine.gradient(terms, z, batch.combine)
        z = z.detach()
        terms = _detached(terms)
        batch = _remember(batch._replace(z=z), terms, problem)
        uphill = gradient if sign > 0 else gradient.neg_()
        move, step = problem.step(uphill, terms.total.mul(-sign), batch.step)
        z = problem.project(move.add_(z), context)
        spent = batch.spent + (clock() - began) / len(z)
        batch = batch._replace(z=z, age=batch.age + 1, spent=spent, step=step, combine=combine)
        if watch is not None:
            watch(Progress(sample=batch.sample, steps=batch.age, terms=terms))
        if problem.enough is not None and (stop := problem.enough(terms)).any():
            yield from _emit(take(batch, stop))
            batch = take(batch, ~stop)


def _begun(problem: Problem[Any] | None, first: int) -> _Batch | None:
    return None if problem is None else _begin(problem, first)


def _begin(problem: Problem[Any], first: int) -> _Batch:
    n = len(problem.start)
    zeros = torch.zeros(n, dtype=torch.long, device=problem.start.device)
    z = problem.project(problem.start, problem.turn(problem.context, zeros, zeros.bool()))
    return _Batch(
        sample=torch.arange(first, first + n, device=z.device),
        age=zeros,
        spent=zeros.double(),
        z=z,
        context=problem.context,
        step=problem.step.init(z),
        combine=problem.combine.init(z),
        best=_Best(z, zeros.bool(), z.new_full((n,), -torch.inf), zeros),
    )


def _remember(batch: _Batch, terms: Terms, problem: Problem[Any]) -> _Batch:
    """Keep the present point of each sample where it is better than the best so far."""
    best, passes = batch.best, terms.passes
    value = problem.combine.value(terms) if terms.score is None else terms.score
    value = value * (1.0 if problem.sense == "max" else -1.0)
    score = value if terms.slack is None else torch.where(passes, value, terms.slack)
    better = (passes & ~best.passes) | ((passes == best.passes) & (score > best.score))
    return batch._replace(
        best=_Best(
            _chosen(better, batch.z, best.z),
            torch.where(better, passes, best.passes),
            torch.where(better, score, best.score),
            torch.where(better, batch.age, best.at),
        )
    )


def _chosen(better: PerSampleBool, new: Tensor, old: Tensor) -> Tensor:
    """Rows of `new` where they are better, else of `old`; no copy where one tensor serves."""
    if better.all():
        return new
    if not better.any():
        return old
    return torch.where(shaped(better, new), new, old)


def _emit(batch: _Batch) -> Iterator[Solved]:
    best = batch.best
    for row in range(len(batch.sample)):
        yield Solved(
            sample=int(batch.sample[row]),
            value=best.z[row].cpu(),
            score=float(best.score[row]),
            passes=bool(best.passes[row]),
            steps=int(batch.age[row]),
            best_at=int(best.at[row]),
        )


def _detached(terms: Terms) -> Terms:
    slack = None if terms.slack is None else terms.slack.detach()
    score = None if terms.score is None else terms.score.detach()
    return Terms(parts={k: v.detach() for k, v in terms.parts.items()}, slack=slack, score=score)
