"""Ablation: what each parameter of `fast`, and the choice of the layer, is worth on real photos.

    python benchmarks/ablation.py --photos 48

One thing at a time is changed: the tapped layer (each candidate of the network alone), the weight
of the reading kept, the budget, the step, the number of steps, momentum, smoothing, and how the
terms are balanced. Each value is a run of its own, so that a stopped benchmark goes on.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.options import add_shared
from benchmarks.page_ablation import BASELINE, curves, page
from benchmarks.photos import labeled
from benchmarks.places import AUTHORIZED, PANEL, has_models
from benchmarks.protect import bench_with, protected
from benchmarks.runs import Results

from anamorph.methods.fmd_parameters import PRESETS
from anamorph.models import Model
from anamorph.parameters import shown

LEVEL = 1 / 255

SWEEPS: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "lambda": {
            f"{weight:g}": {"balance": "sum", "utility_weight": weight}
            for weight in (0.001, 0.01, 0.1, 1.0, 10.0)
        },
        "epsilon": {f"{n}": {"epsilon": n * LEVEL} for n in (4, 8, 12, 24)},
        "alpha": {f"{n}": {"step_size": n * LEVEL} for n in (1, 2, 8)},
        "N": {f"{n}": {"steps": n} for n in (4, 8, 32, 64)},
        "momentum": {f"{decay:g}": {"momentum": decay} for decay in (0.0, 0.3, 0.9)},
        "smoothing": {f"{sigma:g}": {"smoothing": sigma} for sigma in (0.0, 1.0, 3.0)},
        "comfort": {f"{margin:g}": {"comfort": margin} for margin in (1.0, 2.0, 8.0)},
        "layer mean": {"arithmetic": {"layer_mean": "arithmetic"}},
        "shrink": {f"{share:g}": {"shrink": share} for share in (0.25, 0.5, 0.75)},
        "views": {f"{n}": {"views": n} for n in (1, 3, 6)},
        "resolution": {f"{share:g}": {"resolution": share} for share in (0.35, 0.5, 0.8, 1.0)},
        "look every": {f"{n}": {"look_every": n} for n in (1, 4)},
    }
)
"""What is changed in `fast`, by parameter and value; the value of `fast` itself is the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """`fast` with one thing changed."""

    sweep: str
    """What is changed; empty of the baseline."""
    value: str
    taps: tuple[str, ...] = ()
    """The layers to tap instead of the card's; empty keeps those."""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its run."""
        return f"{self.sweep}={self.value}" if self.sweep else BASELINE


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / "nips2017dev", options.first, options.photos)
    if not photos or not has_models():
        print(f"ablation: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    bench = bench_with(photos, options.seed)
    results = Results(folder=options.results, name="ablation", page=page, redo=options.redo)
    sweeps = options.sweeps.split(",")
    for variant in variants(bench.authorized):
        if variant.sweep and variant.sweep not in sweeps:
            continue
        p = replace(PRESETS["fast"], **variant.changes)
        p = p if options.steps is None else replace(p, steps=options.steps)
        model = bench.authorized.with_taps(*variant.taps) if variant.taps else bench.authorized
        settings = {
            "sweep": variant.sweep,
            "value": variant.value,
            "taps": list(model.taps),
            "parameters": shown(p),
            "photos": "nips2017dev",
            "first": options.first,
            "count": len(photos),
            "seed": options.seed,
            "threads": torch.get_num_threads(),
            "authorized": AUTHORIZED,
            "panel": list(PANEL),
        }
        measured = partial(protected, replace(bench, authorized=model), p)
        results.measure(variant.name, settings, len(photos), measured)
        results.path.with_suffix(".svg").write_text(curves(results.runs()), encoding="utf-8")
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def variants(authorized: Model) -> Iterator[Variant]:
    """The baseline, then each candidate layer alone, then each value of each parameter."""
    yield Variant(sweep="", value="")
    for candidate in authorized.candidates():
        yield Variant(sweep="layer", value=candidate.name, taps=(candidate.name,))
    for sweep, values in SWEEPS.items():
        for value, changes in values.items():
            yield Variant(sweep=sweep, value=value, changes=changes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What each parameter of fast is worth.")
    parser.add_argument(
        "--sweeps", default=",".join(("layer", *SWEEPS)), help="separated by commas"
    )
    parser.add_argument("--steps", type=int, help="fewer steps, for a trial")
    add_shared(parser, "first", "seed", "threads", "redo", "results", "data", photos=48)
    return parser


if __name__ == "__main__":
    sys.exit(main())
