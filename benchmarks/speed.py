"""Speed: what a step costs over the least it can cost.

    python benchmarks/speed.py

Steps of feature map distortion against the floor (see `floor` and `overhead`), for the rules of the
presets; then those of the other methods, each against a floor of its own (see `scenes`).
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.networks import SIZE, resnet18_model
from benchmarks.options import add_shared
from benchmarks.overhead import overhead
from benchmarks.page_speed import page
from benchmarks.photos import batch
from benchmarks.places import AUTHORIZED, card, has_models
from benchmarks.runs import Results
from benchmarks.scenes import others, protecting

from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import Model, load

RULES: Mapping[str, FMD] = {
    "paper": PRESETS["paper"],
    "fast": PRESETS["fast"],
    "fast, plain sum": replace(PRESETS["fast"], balance="sum"),
    "fast, bfloat16": replace(PRESETS["fast"], precision="bfloat16"),
}
"""The plain sum has a single backward pass, so the step rule and the engine stand alone."""

FACE, OTHER_STEPS = 112, 20
"""Side of the pictures of the other methods, and their steps."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="speed", page=page, redo=options.redo)
    images = batch(options.batch, SIZE[0])
    settings = {
        "batch": options.batch,
        "size": list(SIZE),
        "rounds": options.rounds,
        "threads": torch.get_num_threads(),
    }
    scenes = {
        (name, rule): protecting(model, images, replace(p, steps=options.steps or p.steps))
        for name, model in _models().items()
        for rule, p in RULES.items()
    }
    for (model, rule), scene in scenes.items():
        run = f"{model}, {rule}"
        measured = partial(overhead, scene, rounds=options.rounds, label=run)
        asked = {**settings, "model": model, "parameters": scene.parameters}
        results.measure(run, asked, options.rounds, measured)
    faces = batch(options.batch, FACE)
    for name, scene in others(faces, options.steps or OTHER_STEPS).items():
        measured = partial(overhead, scene, rounds=options.rounds, label=name)
        asked = {**settings, "size": [FACE, FACE], "parameters": scene.parameters}
        results.measure(name, asked, options.rounds, measured)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _models() -> dict[str, Model]:
    models = {"resnet18": resnet18_model()}
    if has_models():
        models[AUTHORIZED] = load(card(AUTHORIZED))
    else:
        print(f"{AUTHORIZED}: skipped, its weights are not here")
    return models


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Speed against the floor.")
    parser.add_argument("--batch", type=int, default=8, help="pictures in a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="fewer steps everywhere, for a trial")
    add_shared(parser, "redo", "results", threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
