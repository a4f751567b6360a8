"""What an engine runs: the same steps for every item, whoever runs them and wherever."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, TypeVar

from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem

I = TypeVar("I", contravariant=True)  # noqa: E741 - an item: where a picture comes from
L = TypeVar("L")  # a loaded picture
W = TypeVar("W")  # a picture written to disk, not yet judged
R = TypeVar("R", covariant=True)  # the result reported of an item


class Job(Protocol[I, L, W, R]):
    """Load, solve, write, judge; an error in one item never reaches another.

    `load` and `write` run in threads beside the computation and must not call models; `problem`
    and `judge` run one at a time.
    """

    def group(self, item: I) -> Hashable:
        """Items of one group have one shape and may share a batch."""
        ...

    def capacity(self, group: Any) -> int:
        """How many items of a group fit in one batch."""
        ...

    def load(self, item: I) -> L:
        """Read an item from disk."""
        ...

    def problem(self, loaded: Sequence[L]) -> Problem[Any]:
        """The problem of some items of one group."""
        ...

    def write(self, item: I, loaded: L, solved: Solved) -> W:
        """Write a solution to disk, apart, and read it back."""
        ...

    def judge(self, item: I, loaded: L, written: W, seconds: float) -> R:
        """Check what was read back, and put it in its place or throw it away."""
        ...

    def failed(self, item: I, error: Exception) -> R:
        """The result of an item that an error ended."""
        ...
