"""Growth: does a run over many small pictures slow down or swell, and do steps cost what they say.

    python benchmarks/growth.py

One process protects 10,000 pictures in one call; the pace of each thousand and the peak of memory
are noted on the way. The same for a thousand pictures with more and more steps. The bar: the last
thousand as fast as the first, memory flat, time linear in the steps.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.memory import apart, peak_gib
from benchmarks.networks import resnet18_model
from benchmarks.options import add_shared
from benchmarks.page_growth import page
from benchmarks.photos import first_of, write_small
from benchmarks.places import WORK
from benchmarks.runs import Results
from benchmarks.timing import Seconds

from anamorph.app.protect.protect import protect
from anamorph.app.records import PictureRecord
from anamorph.methods.fmd_parameters import PRESETS
from anamorph.parameters import shown

SIDE = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    results = Results(folder=options.results, name="growth", page=page, redo=options.redo)
    folder = WORK / f"pictures-{SIDE}"
    runs = [(options.pictures, options.steps, options.part)]
    more = [int(steps) for steps in options.sweep.split(",") if steps]
    runs += [(options.sweep_pictures, steps, options.sweep_pictures) for steps in more]
    print(f"drawing {options.pictures} pictures of {SIDE} x {SIDE}", flush=True)
    write_small(folder, options.pictures, SIDE)
    for count, steps, every in runs:
        results.measure(
            f"{count} pictures, {steps} steps",
            {
                "side": SIDE,
                "every": every,
                "parameters": shown(replace(PRESETS["fast"], steps=steps)),
                "model": "resnet18",
                "threads": options.threads,
            },
            count,
            partial(apart, grown, folder, count, steps, every, options.threads),
        )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def grown(folder: Path, count: int, steps: int, every: int, threads: int) -> dict[str, Any]:
    """Protect the first pictures of a folder; time and peak after every so many."""
    torch.set_num_threads(threads)
    model = resnet18_model((SIDE, SIDE))
    marks: list[Seconds] = []
    peaks: list[float] = []
    finished = 0

    def done(_: PictureRecord) -> None:
        nonlocal finished
        finished += 1
        if finished % every == 0:
            marks.append(Seconds.now())
            peaks.append(round(peak_gib(), 3))
            print(f"  {finished} pictures, {peaks[-1]:.2f} GiB", flush=True)

    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as out:
        began = Seconds.now()
        report = protect(
            first_of(folder, count, "png"),
            out,
            model,
            parameters=replace(PRESETS["fast"], steps=steps),
            attempts=1,
            done=done,
        )
    spans = [after.since(before) for before, after in zip([began, *marks], marks, strict=False)]
    return {
        "cpu_seconds": [round(span.cpu, 2) for span in spans],
        "wall_seconds": [round(span.wall, 2) for span in spans],
        "peak_gib": peaks,
        "protected": report.summary["protected"],
        "failed": report.summary["failed"],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pace and memory over many small pictures.")
    parser.add_argument("--pictures", type=int, default=10_000, help="in one run")
    parser.add_argument("--steps", type=int, default=2, help="of that run")
    parser.add_argument("--part", type=int, default=1000, help="pictures from mark to mark")
    parser.add_argument("--sweep", default="4,8,16", help="more steps, in a run each")
    parser.add_argument("--sweep-pictures", type=int, default=200, help="of those runs")
    add_shared(parser, "redo", "results", threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
