"""A problem: what a method writes down and the engine solves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from torch import Tensor

from anamorph.optimize.combine import Combine, Sum
from anamorph.optimize.steps import Step
from anamorph.optimize.terms import Terms
from anamorph.types import PerSampleBool

C = TypeVar("C")


def unchanging(context: C, _age: Tensor, _last: PerSampleBool) -> C:
    """The context as it is, however many steps a sample has taken."""
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Generic[C]):
    """Find the z in a feasible set that makes an objective largest or smallest, per sample."""

    sense: Literal["max", "min"]
    """The paper's own sign stays in the objective."""
    objective: Callable[[Tensor, C], Terms]
    """The named terms at z; whatever a sample needs besides z is in its context."""
    start: Tensor
    """(n, ...): where each sample begins."""
    context: C
    """Rows (see `rows`): what belongs to each sample, such as x and its clean features."""
    step: Step
    project: Callable[[Tensor, C], Tensor]
    """The nearest feasible point."""
    iterations: int
    turn: Callable[[C, Tensor, PerSampleBool], C] = unchanging
    """The context for the steps (n,) that each sample has taken, and for those that take no more:
    for what changes in turns. Objective and projection are given this one."""
    seconds: float | None = None
    """The time that one sample's steps may take, by the clock; it shares a step's time with the
    others in the batch. None: no limit."""
    combine: Combine = Sum()
    """How the gradients of the terms become one."""
    enough: Callable[[Terms], PerSampleBool] | None = None
    """Samples whose goal is met leave early; None runs all the iterations."""
