"""Pace: how much sooner `fast` reaches the protection of `paper`, on real photos.

    python benchmarks/pace.py

`paper` with its 100 steps and `fast` with fewer and fewer, in float32 and in bfloat16, take turns,
batch after batch, in one process; each time is that of a whole `protect`, from the photos to the
checked files. The bar: the protection of `paper` in at most a tenth of its time.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.options import add_shared
from benchmarks.page_pace import page
from benchmarks.panel import Pair, accuracy, quality
from benchmarks.photos import LabeledPhoto, labeled
from benchmarks.places import AUTHORIZED, PANEL, has_models
from benchmarks.protect import Bench, bench_with
from benchmarks.runs import Results
from benchmarks.timing import Seconds, ratio, seconds, timed

from anamorph.app.protect.protect import protect
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.parameters import shown

PAPER = "paper"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / "nips2017dev", options.first, options.photos)
    if not photos or not has_models():
        print(f"pace: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    steps, short = (
        [int(count) for count in counts.split(",") if count]
        for counts in (options.steps, options.short_steps)
    )
    ways = {
        PAPER: replace(PRESETS[PAPER], steps=options.paper_steps),
        **{f"fast, {n} steps": replace(PRESETS["fast"], steps=n) for n in steps},
        **{
            f"fast, {n} steps, bfloat16": replace(PRESETS["fast"], steps=n, precision="bfloat16")
            for n in short
        },
    }
    settings = {
        "photos": "nips2017dev",
        "first": options.first,
        "count": len(photos),
        "together": options.together,
        "seed": options.seed,
        "threads": torch.get_num_threads(),
        "authorized": AUTHORIZED,
        "panel": list(PANEL),
        "ways": {name: shown(p) for name, p in ways.items()},
    }
    results = Results(folder=options.results, name="pace", page=page, redo=options.redo)
    bench = bench_with(photos, options.seed)
    measured = partial(in_turn, bench, ways, options.together)
    results.measure(f"photos {options.first + 1} on", settings, len(photos), measured)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def in_turn(bench: Bench, ways: Mapping[str, FMD], together: int) -> dict[str, Any]:
    """Protect batch after batch in every way, in reversed order every other time."""
    with tempfile.TemporaryDirectory() as work:
        return _in_turn(bench, ways, together, Path(work))


def _in_turn(bench: Bench, ways: Mapping[str, FMD], together: int, work: Path) -> dict[str, Any]:
    batches = [bench.photos[i : i + together] for i in range(0, len(bench.photos), together)]
    times: dict[str, list[Seconds]] = {name: [] for name in ways}
    for turn, batch in enumerate(batches):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            job = partial(_protected, bench, ways[name], batch, work / name / str(turn))
            times[name].append(timed(job))
        print(f"  {turn + 1}/{len(batches)} batches", flush=True)
    return {
        name: {
            "steps": p.steps,
            "seconds": seconds(times[name]),
            "over_paper": ratio(times[name], times[PAPER]),
            **_read(bench, batches, work / name),
        }
        for name, p in ways.items()
    }


def _protected(bench: Bench, p: FMD, batch: Sequence[LabeledPhoto], out: Path) -> None:
    photos = [photo.path for photo in batch]
    protect(photos, out, bench.authorized, parameters=p, seed=bench.seed)


def _read(bench: Bench, batches: Sequence[Sequence[LabeledPhoto]], out: Path) -> dict[str, Any]:
    """What everyone reads in the files; a photo that failed has none."""
    pairs = [
        Pair(source=photo.path, output=file, label=photo.label)
        for turn, batch in enumerate(batches)
        for photo in batch
        if (file := out / str(turn) / f"{photo.path.stem}.png").exists()
    ]
    return {
        **accuracy([bench.authorized], bench.panel, pairs, seed=bench.seed),
        "quality": quality(pairs),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Time to the protection of the preset paper.")
    parser.add_argument("--together", type=int, default=8, help="photos in one call")
    parser.add_argument("--steps", default="4,6,7,8,12,16", help="of fast, separated by commas")
    parser.add_argument("--short-steps", default="7,8,10,12,16,20", help="the same, in bfloat16")
    parser.add_argument("--paper-steps", type=int, default=100, help="fewer, for a trial")
    add_shared(parser, "seed", "redo", "results", "data", photos=48, first=200, threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
