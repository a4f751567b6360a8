"""Makes the files of one way of a comparison; a run that was stopped goes on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from anamorph.app.audit.compare.comparing import Comparing
from anamorph.app.audit.compare.ways import Way
from anamorph.app.audit.matrix.writing import folder_of
from anamorph.app.protect.protecting import Task
from anamorph.app.protect.results import Done, Run, failure, still_protected
from anamorph.app.records import PictureRecord
from anamorph.app.runs import begun, left_to_do, pictures, results_of, rounds
from anamorph.files.folders import Sources
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

    originals: Sources
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
        tasks = left_to_do(
            listing,
            past,
            run,
            kind=PictureRecord,
            failure=failure,
            stands=still_protected,
            task=lambda item: Task(item, probe(item.source, self.limits), None),
        )
        job = Comparing(way=way, like=like, seed=self.seed, limits=self.limits, device=self.device)
        rounds(run, tasks, lambda _: job, 1, self.watch)
        new = sum(record.status == "protected" for record in run.records)
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        cost = {"seconds_per_picture": wall, "cpu_seconds_per_picture": cpu}
        return Made(run.records, {name: s / new for name, s in cost.items()} if new else {})
