"""Protection on real photos: who still reads the files that `protect` writes.

    python benchmarks/protect.py
    python benchmarks/protect.py --set sample1000 --first 0 --photos 200 --presets fast

For each preset, photos are protected for the authorized model without labels: its own reading is
what it keeps. The written files are then read by a panel of models that the method never saw: a
surrogate is not in the panel of its run. Noise of the same size is the control.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.noise import CONTROLS, Noise, write_noisy
from benchmarks.options import add_shared
from benchmarks.page_protect import page
from benchmarks.panel import Pair, accuracy, quality, summary
from benchmarks.photos import LabeledPhoto, labeled
from benchmarks.places import AUTHORIZED, PANEL, card, has_models
from benchmarks.runs import Results

from anamorph.app.protect.protect import protect
from anamorph.app.records import PictureRecord, ProtectReport
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import Model, load
from anamorph.parameters import shown

SETS = ("nips2017dev", "sample1000")
"""Of the first, photos 1 to 100 served to find the presets, which are judged on the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all the runs share."""

    authorized: Model
    panel: Sequence[Model]
    photos: Sequence[LabeledPhoto]
    seed: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / options.set, options.first, options.photos)
    if not photos or not has_models():
        print(f"protect: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    bench = bench_with(photos, options.seed)
    results = Results(folder=options.results, name="protect", page=page, redo=options.redo)
    settings = {
        "photos": options.set,
        "first": options.first,
        "count": len(photos),
        "seed": options.seed,
        "threads": torch.get_num_threads(),
        "authorized": AUTHORIZED,
        "panel": list(PANEL),
    }
    presets = _presets(options, options.presets)
    elsewhere = "" if options.set == SETS[0] else f", {options.set}"
    for name, p in presets.items():
        results.measure(
            f"{_named(name, p)}{elsewhere}",
            {**settings, "parameters": shown(p)},
            len(photos),
            partial(protected, bench, p),
        )
    preset = options.surrogate_preset
    for names in (listed.split("+") for listed in options.surrogates.split(",") if listed):
        p = _presets(options, preset)[preset]
        helped = f"surrogate{'s' * (len(names) > 1)} {' and '.join(names)}"
        results.measure(
            f"{_named(preset, p)}, {helped}{elsewhere}",
            {**settings, "surrogates": names, "parameters": shown(p)},
            len(photos),
            partial(protected, bench, p, names),
        )
    preset = options.also_preset
    for names in (listed.split("+") for listed in options.also.split(",") if listed):
        p = _presets(options, preset)[preset]
        results.measure(
            f"{_named(preset, p)}, {' and '.join(names)} authorized too{elsewhere}",
            {**settings, "also_authorized": names, "parameters": shown(p)},
            len(photos),
            partial(protected, bench, p, also=names),
        )
    if options.controls:
        levels = round(next(iter(presets.values()), FMD()).epsilon * 255)
        for name, noise in CONTROLS.items():
            results.measure(
                f"{name}{elsewhere}",
                {**settings, "levels": levels},
                len(photos),
                partial(_noisy, bench, noise, levels),
            )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def bench_with(photos: Sequence[LabeledPhoto], seed: int) -> Bench:
    """With the models of the published results."""
    return Bench(
        authorized=load(card(AUTHORIZED)),
        panel=[load(card(name)) for name in PANEL],
        photos=photos,
        seed=seed,
    )


def protected(
    bench: Bench, p: FMD, names: Sequence[str] = (), *, also: Sequence[str] = ()
) -> dict[str, Any]:
    """Protect the photos; let everyone read the files.

    Some of the panel may be surrogates, and some be authorized too: they are no panel then.
    """
    surrogates = [model for model in bench.panel if model.name in names]
    authorized = [bench.authorized, *(model for model in bench.panel if model.name in also)]
    panel = [model for model in bench.panel if model.name not in (*names, *also)]
    with tempfile.TemporaryDirectory() as out:
        cpu = time.process_time()
        report = protect(
            [photo.path for photo in bench.photos],
            out,
            authorized,
            surrogates=surrogates,
            parameters=p,
            seed=bench.seed,
            done=_progress(len(bench.photos)),
        )
        cpu = time.process_time() - cpu
        written = {r.source: r for r in report.images if r.status == "protected"}
        pairs = [
            Pair(source=photo.path, output=Path(r.output), label=photo.label)
            for photo in bench.photos
            if (r := written.get(str(photo.path))) is not None and r.output is not None
        ]
        return {
            **accuracy(authorized, panel, pairs, seed=bench.seed),
            "quality": _quality(list(written.values())),
            "outcome": _outcome(report),
            "cost": {
                "seconds_per_photo": round(report.seconds / len(bench.photos), 3),
                "cpu_seconds_per_photo": round(cpu / len(bench.photos), 3),
            },
        }


def _noisy(bench: Bench, noise: Noise, levels: int) -> dict[str, Any]:
    """Write the photos with noise and let everyone read the files."""
    with tempfile.TemporaryDirectory() as out:
        pairs = [
            Pair(
                source=photo.path,
                output=Path(out) / f"{photo.path.stem}.png",
                label=photo.label,
            )
            for photo in bench.photos
        ]
        for pair in pairs:
            write_noisy(pair.source, pair.output, noise, levels, bench.seed)
        return {
            **accuracy([bench.authorized], bench.panel, pairs, seed=bench.seed),
            "quality": quality(pairs),
        }


def _quality(records: Sequence[PictureRecord]) -> dict[str, Any]:
    """From the figures the report gives, which it measured on the files."""
    figures = [
        (r.psnr, r.ssim, r.linf)
        for r in records
        if r.psnr is not None and r.ssim is not None and r.linf is not None
    ]
    return summary(*zip(*figures, strict=True)) if figures else {}


def _outcome(report: ProtectReport) -> dict[str, Any]:
    """What the report says of itself; a failed photo counts as a lost reading there."""
    said = report.summary
    tried = [r.attempts for r in report.images if r.attempts]
    return {
        "protected": said["protected"],
        "failed": said["failed"],
        "own_reading_kept": said["authorized_kept"],
        **({"also_kept": said["also_kept"]} if said["also_kept"] else {}),
        "survives": said["survives"],
        "attempts_mean": round(fmean(tried), 3) if tried else None,
    }


def _progress(count: int) -> Callable[[PictureRecord], None]:
    """Prints a line for every tenth of the photos."""
    began, ready, every = time.perf_counter(), 0, max(1, count // 10)

    def done(_: PictureRecord) -> None:
        nonlocal ready
        ready += 1
        if ready % every == 0 or ready == count:
            print(f"  {ready}/{count} photos, {time.perf_counter() - began:.0f} s", flush=True)

    return done


def _named(preset: str, p: FMD) -> str:
    """What a run is called: the preset, and budget, shrink and numbers where those are others."""
    own = PRESETS[preset]
    budget = "" if p.epsilon == own.epsilon else f", epsilon {p.epsilon * 255:g}"
    shrink = "" if p.shrink == own.shrink else f", shrink {p.shrink:g}"
    return preset + budget + shrink + ("" if p.precision == "float32" else f", {p.precision}")


def _presets(options: argparse.Namespace, listed: str) -> Mapping[str, FMD]:
    """The presets in a list with commas, with what is asked for in their place."""
    return {name: _changed(PRESETS[name], options) for name in listed.split(",") if name}


def _changed(p: FMD, options: argparse.Namespace) -> FMD:
    if options.steps is not None:
        p = replace(p, steps=options.steps)
    if options.epsilon is not None:
        share = options.epsilon / 255 / p.epsilon
        p = replace(p, epsilon=options.epsilon / 255, step_size=p.step_size * share)
    if options.shrink is not None:
        p = replace(p, shrink=options.shrink)
    return replace(p, precision=options.precision)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Protection on real photos.")
    parser.add_argument("--set", choices=SETS, default=SETS[0], help="of photos")
    parser.add_argument("--presets", default=",".join(PRESETS), help="separated by commas")
    parser.add_argument(
        "--surrogates",
        default="mobilenetv1_075_192",
        help="sets of models joined by +, each set in a run of its own, separated by commas",
    )
    parser.add_argument(
        "--surrogate-preset", choices=list(PRESETS), default="fast", help="of the runs with them"
    )
    parser.add_argument(
        "--also",
        default="",
        help="sets of models authorized too, joined by +, each set in a run of its own; "
        "separated by commas",
    )
    parser.add_argument(
        "--also-preset", choices=list(PRESETS), default="fast", help="of the runs with them"
    )
    parser.add_argument("--controls", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--steps", type=int, help="fewer steps, for a trial")
    parser.add_argument(
        "--epsilon", type=float, help="another budget, in 8-bit levels; steps in proportion"
    )
    parser.add_argument("--shrink", type=float, help="what gains little stays as it was")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    add_shared(parser, "seed", "threads", "redo", "results", "data", photos=400, first=100)
    return parser


if __name__ == "__main__":
    sys.exit(main())
