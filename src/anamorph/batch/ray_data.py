"""Shards on a cluster, with Ray Data (extra `ray`): an actor a worker, each with its own models.

A row of the dataset is a shard: the names of its pictures go to the worker, the records of what it
made come back. Pictures never travel through Ray's object store; workers fetch and store them.
"""

import faulthandler
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from anamorph.batch.shards import Died, Prepare
from anamorph.errors import AnamorphError, MissingExtra, UsageError, first_line

T = TypeVar("T")
U = TypeVar("U")

WAVE = 4096
"""Shards in one dataset, so that a run of any length holds a bounded number of them."""

SILENCE = 900.0
"""Seconds without a sign of life after which a worker is taken for hung, and killed."""

TRIES = 2
"""How often a shard is begun. Ray itself would try one that kills its workers for ever."""


@dataclass(frozen=True)
class _Sealed:
    """What Ray is to carry as it is, and not to take for columns of a table."""

    content: Any


class _Tries:
    """An actor that outlives the workers: it counts how often each shard was begun."""

    def __init__(self) -> None:
        self._of = Counter[int]()

    def begin(self, place: int) -> int:
        """Count one more."""
        self._of[place] += 1
        return self._of[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRay:
    """Works on a Ray cluster: the one at `address`, or else one that is started on this machine."""

    workers: int | None = None
    """Actors; None: as many as the cluster has cores for."""
    threads: int = 1
    """Cores of each worker."""
    address: str | None = None
    """Of a running cluster, or `auto`."""
    cores: int | None = None
    """Of the cluster that is started here; None: all."""
    silence: float = SILENCE
    device: str = "cpu"
    """Of the workers' models: with `cuda` each worker has a GPU to itself, and with `auto` if the
    cluster has any."""

    def __post_init__(self) -> None:
        if self.device.startswith("cuda:"):
            raise UsageError(f"{self.device}: Ray gives every worker a GPU of its own; give cuda")
        if self.threads < 1 or (self.workers is not None and self.workers < 1):
            raise UsageError(
                f"{self.workers} workers with {self.threads} threads; give at least one of each"
            )

    def run(
        self, prepare: Prepare[T, U], shards: Sequence[T]
    ) -> Iterator[tuple[int, U | Exception]]:
        """The place of each shard and its result, or the error it ended with, as each is ready.

        Raises:
            MissingExtra: Ray is not installed.
            UsageError: the cluster cannot be reached, or has no room for one worker.
        """
        if not shards:
            return
        ray = _ray()
        mine = not ray.is_initialized()
        if mine:
            self.connect(ray)
        try:
            gpus = self._gpus(ray)
            workers = self._workers(ray, gpus)
            for first in range(0, len(shards), WAVE):
                rows = [
                    {"place": first + place, "shard": _Sealed(shard)}
                    for place, shard in enumerate(shards[first : first + WAVE])
                ]
                for row in self._streamed(ray, prepare, rows, workers, gpus):
                    yield int(row["place"]), row["result"].content
        finally:
            if mine:
                ray.shutdown()

    def _streamed(
        self,
        ray: Any,
        prepare: Prepare[T, U],
        rows: list[dict[str, Any]],
        workers: int,
        gpus: int,
    ) -> Iterator[dict[str, Any]]:
        data = ray.data
        data.DataContext.get_current().enable_progress_bars = False
        tries = ray.remote(num_cpus=0)(_Tries).remote()
        dataset = data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_args=(prepare, self.threads, self.silence, tries),
            compute=data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=self.threads,
            num_gpus=1 if gpus else None,
        )
        yield from dataset.iter_rows()

    def connect(self, ray: Any) -> None:
        """Join the cluster, or start one here.

        Raises:
            UsageError: it cannot be reached.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        own = {"include_dashboard": False, "num_cpus": self.cores, "_node_ip_address": "127.0.0.1"}
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                configure_logging=False,
                **({} if self.address else own),
            )
        except Exception as error:  # whatever Ray raises
            where = self.address or "this machine"
            raise UsageError(f"Ray on {where} cannot be reached: {first_line(error)}") from error

    def _gpus(self, ray: Any) -> int:
        """How many GPUs the workers are to have between them; 0: none is asked for."""
        there = int(ray.cluster_resources().get("GPU", 0))
        if self.device == "cuda" and not there:
            raise UsageError("cuda was asked for, but the cluster has no GPU; use cpu")
        return 0 if self.device == "cpu" else there

    def _workers(self, ray: Any, gpus: int) -> int:
        room = int(ray.cluster_resources().get("CPU", 0) // self.threads)
        if room < 1:
            raise UsageError(f"the cluster has no room for a worker with {self.threads} threads")
        room = min(room, gpus) if gpus else room
        return min(self.workers or room, room)


class _Worker:
    """An actor: its models are loaded once."""

    def __init__(
        self, prepare: Prepare[Any, Any], threads: int, silence: float, tries: Any
    ) -> None:
        import_module("torch").set_num_threads(threads)  # here: who starts a run needs no torch
        self._prepare, self._silence, self._tries = prepare, silence, tries
        self._work: Any = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        tried = _ray().get(self._tries.begin.remote(int(row["place"])))
        result = Died() if tried > TRIES else self._worked(row["shard"].content)
        return {"place": row["place"], "result": _Sealed(result)}

    def _worked(self, shard: Any) -> Any:
        self._alive()
        try:
            if self._work is None:
                self._work = self._prepare()
            return self._work(shard, self._alive)
        except AnamorphError as error:
            return error
        except Exception as error:  # it may hold what cannot be sent
            return RuntimeError(f"{type(error).__name__}: {error}")
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _alive(self) -> None:
        """Set the clock back; when it runs out, the process ends, and Ray starts another."""
        faulthandler.dump_traceback_later(self._silence, exit=True)


def _ray() -> Any:
    try:
        import_module("ray.data")
        return import_module("ray")
    except ImportError as error:
        raise MissingExtra(
            "the engine ray needs the library Ray; run `pip install 'anamorph[ray]'`"
        ) from error
