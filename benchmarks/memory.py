"""Memory: the most that a run over large photos ever holds, by the number of photos.

    python benchmarks/memory.py

Each number of photos is protected in a process of its own; the system tells what the process held
at its peak. The bar: below 3 GiB, and the same for 200 photos as for 10.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.networks import resnet18_model
from benchmarks.options import add_shared
from benchmarks.page_memory import page
from benchmarks.photos import MEGAPIXELS_12, first_of, write_large
from benchmarks.places import WORK
from benchmarks.runs import Results

from anamorph.app.protect.protect import protect
from anamorph.app.records import PictureRecord
from anamorph.methods.fmd_parameters import PRESETS
from anamorph.parameters import shown

P = ParamSpec("P")
T = TypeVar("T")


MILESTONES = (1, 2, 5, 10, 20, 50, 100, 200)
"""Numbers of photos after which the peak is noted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    counts = sorted(int(count) for count in options.counts.split(","))
    width, height = (int(side) for side in options.size.split("x"))
    folder = WORK / f"photos-{options.size}"
    results = Results(folder=options.results, name="memory", page=page, redo=options.redo)
    if options.huge_pages:
        os.environ["THP_MEM_ALLOC_ENABLE"] = "1"
    print(f"drawing photos of {options.size}", flush=True)
    apart(write_large, folder, counts[-1], (width, height))
    for count in counts:
        results.measure(
            f"{count} photos{', huge pages' * options.huge_pages}",
            {
                "size": [width, height],
                "preset": options.preset,
                "parameters": shown(replace(PRESETS[options.preset], steps=options.steps)),
                "model": "resnet18",
                "threads": options.threads,
            },
            count,
            partial(apart, peak, folder, count, options.preset, options.steps, options.threads),
        )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def apart(job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a job in a fresh process, so that its peak is its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(job, *args, **kwargs).result()


def peak(folder: Path, count: int, preset: str, steps: int, threads: int) -> dict[str, Any]:
    """Protect the first photos of a folder and tell the peak of this process's memory."""
    torch.set_num_threads(threads)
    model = resnet18_model()
    before = peak_gib()
    began = time.perf_counter()
    after: list[float] = []

    def ready(record: PictureRecord) -> None:
        after.append(round(peak_gib(), 3))
        print(f"  {len(after)} photos, {record.status}, {after[-1]:.2f} GiB", flush=True)

    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as out:
        report = protect(
            first_of(folder, count),
            out,
            model,
            parameters=replace(PRESETS[preset], steps=steps),
            attempts=1,
            done=ready,
        )
    return {
        "peak_gib": round(peak_gib(), 3),
        "before_gib": round(before, 3),
        "peak_gib_after": {str(n): after[n - 1] for n in MILESTONES if n <= len(after)},
        "protected": report.summary["protected"],
        "failed": report.summary["failed"],
        "seconds_per_photo": round((time.perf_counter() - began) / count, 2),
    }


def peak_gib() -> float:
    """The most memory this process ever held, in GiB."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / 2**30 if sys.platform == "darwin" else held / 2**20


def _parser() -> argparse.ArgumentParser:
    width, height = MEGAPIXELS_12
    parser = argparse.ArgumentParser(description="Peak memory by the number of photos.")
    parser.add_argument("--counts", default="2,10,50,200", help="numbers of photos")
    parser.add_argument("--size", default=f"{width}x{height}", help="of a photo, in pixels")
    parser.add_argument("--preset", choices=list(PRESETS), default="fast")
    parser.add_argument("--steps", type=int, default=2, help="memory does not depend on them")
    parser.add_argument("--huge-pages", action="store_true", help="ask Linux for them")
    add_shared(parser, "redo", "results", threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
