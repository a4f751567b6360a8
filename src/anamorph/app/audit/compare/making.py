"""Makes the files of one way of a comparison; a run that was stopped goes on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from anamorph.app.audit.compare.comparing import Comparing
from anamorph.app.audit.compare.ways import Way
from anamorph.app.audit.matrix.writing import folder_of
from anamorph.app.protect.protecting import Task
from anamorph.app.protect.results import Done, Run, check_free, failure
from anamorph.app.records import PictureRecord
from anamorph.app.runs import begun, pictures, results_of, rounds, skipped, unchanged
from anamorph.errors import FileError
from anamorph.files.folders import Item
from anamorph.files.manifest import file_digest
from anamorph.files.photo import Limits, probe
from anamorph.optimize.engine import Watch


class Made(NamedTuple):
    """What became of the pictures, and what it cost."""

    records: Sequence[PictureRecord]
    cost: Mapping[str, float]
    """Seconds for each picture that was made now; empty where all were there."""

    def by_source(self) -> dict[Path, PictureRecord]:
        """The records of pictures that have a file."""
        return {Path(r.source).absolute(): r for r in self.records if r.output is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What all ways share."""

    originals: Sequence[str | Path]
    out: Path
    models: Mapping[str, Any]
    """For manifests."""
    seed: int
    limits: Limits
    device: torch.device
    """Where pictures are changed."""
    watch: Watch | None
    done: Done | None

    def make(self, way: Way, like: Mapping[Path, Path]) -> Made:
        """Change all pictures in one way.

        Args:
            way: how.
            like: by original, the file that gives the size of noise.

        Raises:
            UsageError: another run was begun in the folder.
            NotWritten: the disk refuses.
        """
        began = time.perf_counter(), time.process_time()
        place = self.out / folder_of(way.name)
        listing = pictures(self.originals, place, "png")
        header = {
            "method": way.name,
            "parameters": dict(way.parameters),
            "seed": self.seed,
            "models": dict(self.models),
        }
        manifest, past = begun(place, header, resume=True)
        run = Run(manifest=manifest, done=self.done, ours=results_of(past))
        for problem in listing.problems:
            run.finish(failure(problem.path, problem.error))
        tasks = list(self._tasks(listing.items, past, run))
        job = Comparing(way=way, like=like, seed=self.seed, limits=self.limits, device=self.device)
        rounds(run, tasks, lambda _: job, 1, self.watch)
        new = sum(record.status == "protected" for record in run.records)
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        cost = {"seconds_per_picture": wall, "cpu_seconds_per_picture": cpu}
        return Made(run.records, {name: s / new for name, s in cost.items()} if new else {})

    def _tasks(
        self, items: Sequence[Item], past: Sequence[Mapping[str, Any]], run: Run
    ) -> Iterator[Task]:
        """What is left to do; what was done before is reported."""
        earlier = {Path(r["source"]).absolute(): r for r in past}
        for item in items:
            before = earlier.get(item.source.absolute())
            try:
                if before is not None and _stands(item, before):
                    run.report(skipped(PictureRecord, before))
                    continue
                if item.output.absolute() not in run.ours:
                    check_free(item.output)
                yield Task(item, probe(item.source, self.limits), None)
            except FileError as error:
                run.finish(failure(item.source, error))


def _stands(item: Item, record: Mapping[str, Any]) -> bool:
    return (
        record.get("status") == "protected"
        and unchanged(item.output, record)
        and file_digest(item.source) == record.get("source_sha256")
    )
