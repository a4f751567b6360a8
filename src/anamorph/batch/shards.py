"""Shards: parts of a large run, each worked on by one worker, here or on a cluster."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar

from anamorph.errors import AnamorphError

S = TypeVar("S", contravariant=True)  # a shard
R = TypeVar("R", covariant=True)  # what became of it

Alive: TypeAlias = Callable[[], None]
"""Called by a worker now and then; one that is silent for long is taken for hung, and ended."""


class Died(AnamorphError):
    """The workers that tried a shard died, or hung."""


class Work(Protocol[S, R]):
    """What a worker does with one shard after the other; it holds the loaded models."""

    def __call__(self, shard: S, alive: Alive, /) -> R:
        """Work on a shard."""
        ...


class Prepare(Protocol[S, R]):
    """Makes a worker's work; it is sent to the machine where the worker runs."""

    def __call__(self) -> Work[S, R]:
        """Load the models."""
        ...


T = TypeVar("T")
U = TypeVar("U")


class Engine(Protocol):
    """Lets workers work on shards."""

    def run(
        self, prepare: Prepare[T, U], shards: Sequence[T]
    ) -> Iterator[tuple[int, U | Exception]]:
        """The place of each shard and its result, or the error it ended with, as each is ready.

        The error is `Died` if the worker died of the shard, and again when it was tried once more.
        """
        ...


class Here:
    """Works in this process, on one shard after the other."""

    def run(
        self, prepare: Prepare[T, U], shards: Sequence[T]
    ) -> Iterator[tuple[int, U | Exception]]:
        """The place of each shard and its result, or the error it ended with."""
        if not shards:
            return
        work = prepare()
        for place, shard in enumerate(shards):
            yield place, _tried(work, shard)


def _tried(work: Work[T, U], shard: T) -> U | Exception:
    try:
        return work(shard, lambda: None)
    except Exception as error:
        return error
