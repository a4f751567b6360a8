"""Feature map distortion beside old attacks and noise, on the same photos with the same budget.

    python benchmarks/compare.py --photos 100

Every way takes the same number of steps and tries each photo once. Each is a run of its own; what a
stopped one has made stays in `scratch/`. A second set of runs has a surrogate, for the ways that
can use one; it is not in the panel then.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.options import add_shared
from benchmarks.page_compare import page
from benchmarks.photos import LabeledPhoto, labeled
from benchmarks.places import AUTHORIZED, PANEL, WORK, card, has_models
from benchmarks.runs import Results

from anamorph.app.audit.compare.compare import compare
from anamorph.app.audit.compare.ways import LIKE, Parties, Way, ways
from anamorph.app.audit.matrix.writing import folder_of
from anamorph.auditing.comparison import compared_json
from anamorph.auditing.matrix import share_json
from anamorph.models import Model, load

SURROGATE = "mobilenetv1_075_192"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the ways of one set of runs share."""

    authorized: Model
    panel: Sequence[Model]
    surrogates: Sequence[Model]
    photos: Sequence[LabeledPhoto]
    epsilon: float
    """In [0, 1]."""
    steps: int
    seed: int
    out: Path
    redo: bool

    @property
    def ways(self) -> tuple[Way, ...]:
        """All of them."""
        parties = Parties(authorized=self.authorized, surrogates=self.surrogates)
        return ways(parties, self.epsilon, self.steps)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the ways that are asked for and are not measured yet."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / "nips2017dev", options.first, options.photos)
    if not photos or not has_models():
        print(f"compare: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="compare", page=page, redo=options.redo)
    wanted = [name for name in options.ways.split(";") if name]
    for surrogate in ([], [SURROGATE]) if options.surrogates else ([],):
        bench = _bench(options, photos, surrogate)
        for way in bench.ways:
            helped = way.parameters.get("steps") is not None
            if (wanted and way.name not in wanted) or (surrogate and not helped):
                continue
            results.measure(
                f"{way.name}, surrogate" if surrogate else way.name,
                {
                    "photos": "nips2017dev",
                    "first": options.first,
                    "count": len(photos),
                    "epsilon": options.epsilon,
                    "parameters": dict(way.parameters),
                    "authorized": AUTHORIZED,
                    "surrogates": surrogate,
                    "panel": [model.name for model in bench.panel],
                    "seed": options.seed,
                    "threads": torch.get_num_threads(),
                },
                len(photos),
                partial(_compared, bench, way.name),
            )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _bench(
    options: argparse.Namespace, photos: Sequence[LabeledPhoto], surrogates: Sequence[str]
) -> Bench:
    place = f"compare-{options.first}-{len(photos)}-{options.epsilon:g}-{options.steps}"
    return Bench(
        authorized=load(card(AUTHORIZED)),
        panel=[load(card(name)) for name in PANEL if name not in surrogates],
        surrogates=[load(card(name)) for name in surrogates],
        photos=photos,
        epsilon=options.epsilon / 255,
        steps=options.steps,
        seed=options.seed,
        out=options.work / (f"{place}-surrogate" if surrogates else place),
        redo=options.redo,
    )


def _compared(bench: Bench, way: str) -> Mapping[str, Any]:
    """Change the photos in one way and let everyone read the files."""
    if bench.redo:
        shutil.rmtree(bench.out / folder_of(way), ignore_errors=True)
        (bench.out / f"{folder_of(way)}.json").unlink(missing_ok=True)
    found = compare(
        [photo.path for photo in bench.photos],
        bench.out,
        bench.authorized,
        bench.panel,
        surrogates=bench.surrogates,
        labels={photo.path.name: photo.label for photo in bench.photos},
        epsilon=bench.epsilon,
        steps=bench.steps,
        only=(LIKE, way),
        seed=bench.seed,
    )
    row = next(row for row in found.rows if row.way == way)
    return {
        **compared_json(row),
        "clean": {model.name: share_json(model.clean) for model in found.models},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The method beside old attacks and noise.")
    parser.add_argument("--ways", default="", help="separated by semicolons; else all")
    parser.add_argument("--surrogates", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--epsilon", type=float, default=16.0, help="in 8-bit levels")
    parser.add_argument("--steps", type=int, default=20, help="of every way that takes any")
    add_shared(
        parser, "seed", "threads", "redo", "results", "data", photos=100, first=100, work=WORK
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
