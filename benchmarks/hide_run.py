"""Hides pictures for the benchmark, in a scratch folder that outlives a run that was stopped."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.hide_files import HiddenFile
from benchmarks.places import WORK
from benchmarks.ways import Way, write_key

from anamorph.app.hide.hide import hide
from anamorph.app.hide.records import HideRecord
from anamorph.keys import file as key_file
from anamorph.keys.key import Key
from anamorph.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The files of one run, and what they cost."""

    folder: Path
    key: Key
    files: Sequence[HiddenFile]
    records: Sequence[HideRecord]
    timed: int
    """Pictures that this process hid; others were there from a run that was stopped."""
    cpu: float
    """CPU seconds for those."""

    def cost(self) -> dict[str, Any]:
        """Steps, attempts, failures, seconds."""
        return {
            "hidden": len(self.files),
            "failed": len(self.records) - len(self.files),
            "reasons": sorted({r.reason for r in self.records if r.output is None}),
            "steps_mean": round(fmean(r.steps for r in self.records), 1),
            "steps_max": max(r.steps for r in self.records),
            "attempts_mean": round(fmean(r.attempts for r in self.records), 3),
            "timed": self.timed,
            "cpu_seconds_each": round(self.cpu / self.timed, 3) if self.timed else None,
        }


def scratch(part: str, way: Way) -> Path:
    """The folder of a run: its key, its hidden files, its faces."""
    return WORK / f"hide-{part}-{way.name.replace(' ', '-')}"


def fresh(folder: Path, redo: bool) -> Path:
    """The folder, emptied if everything is to be hidden again."""
    if redo:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def hidden(sources: Sequence[Path], folder: Path, way: Way, service: Model) -> Hidden:
    """Hide the sources; files that a stopped run has hidden already are taken as they are."""
    path = folder / "key.amkey"
    if not path.exists():
        write_key(way.kind, path)
    key = key_file.read(path)
    began = time.process_time()
    report = hide(
        list(sources), folder / "hidden", service, key, parameters=way.parameters, resume=True
    )
    cpu = time.process_time() - began
    print(f"  {way.name}: {report.summary}", flush=True)
    outputs = {Path(r.source): Path(r.output) for r in report.images if r.output is not None}
    return Hidden(
        folder=folder / "hidden",
        key=key,
        files=[HiddenFile(source=s, output=outputs[s]) for s in sources if s in outputs],
        records=report.images,
        timed=sum(r.status != "skipped" for r in report.images),
        cpu=cpu,
    )
