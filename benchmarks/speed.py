"""Speed: what a step costs over the least it can cost, and beside another library.

    python benchmarks/speed.py

(a) Steps of feature map distortion against the floor (see `floor` and `overhead`), for the rules of
the presets. (b) As many steps of PGD by torchattacks on the same network, batch and machine.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import floor_step
from benchmarks.networks import SIZE, Normalized, resnet18, resnet18_model
from benchmarks.overhead import overhead
from benchmarks.page_speed import page
from benchmarks.photos import batch
from benchmarks.places import AUTHORIZED, RESULTS, card, has_models
from benchmarks.rival import REQUIREMENT, Absent, torchattacks
from benchmarks.runs import Results
from benchmarks.timing import interleaved, ratio, seconds

from anamorph.app.protect.protect import protect_images
from anamorph.losses import cross_entropy
from anamorph.methods.fmd import FMD, PRESETS
from anamorph.models import Model, load
from anamorph.optimize.engine import solve
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box, onto_linf_ball
from anamorph.optimize.starts import uniform_in_ball
from anamorph.optimize.steps import Sign
from anamorph.optimize.terms import Terms
from anamorph.parameters import shown
from anamorph.types import Images

RULES: Mapping[str, FMD] = {
    "paper": PRESETS["paper"],
    "fast": PRESETS["fast"],
    "fast, plain sum": replace(PRESETS["fast"], balance="sum"),
}
"""The last one has a single backward pass, so the step rule and the engine stand alone."""


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
    for model_name, model in _models().items():
        for rule, p in RULES.items():
            p = replace(p, steps=options.steps or p.steps)
            results.measure(
                f"{model_name}, {rule}",
                {**settings, "model": model_name, "parameters": shown(p)},
                options.rounds,
                partial(
                    overhead, model, images, p, rounds=options.rounds, label=f"{model_name}, {rule}"
                ),
            )
    steps = options.steps or options.rival_steps
    try:
        library = torchattacks()
    except Absent as error:
        print(f"beside torchattacks: skipped, {error}")
    else:
        both = batch(options.rival_batch, SIZE[0])
        results.measure(
            "resnet18, beside torchattacks",
            {
                **settings,
                "batch": options.rival_batch,
                "model": "resnet18",
                "steps": steps,
                "rival": REQUIREMENT,
            },
            options.rounds,
            partial(_beside, library, both, steps, options.rounds),
        )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _models() -> dict[str, Model]:
    models = {"resnet18": resnet18_model()}
    if has_models():
        models[AUTHORIZED] = load(card(AUTHORIZED))
    else:
        print(f"{AUTHORIZED}: skipped, its weights are not here")
    return models


def _beside(library: Any, images: Images, steps: int, rounds: int) -> dict[str, Any]:
    """Whole calls as users make them: pictures in, pictures out."""
    p = replace(PRESETS["paper"], steps=steps)
    model, network = resnet18_model(), Normalized(resnet18()).eval()
    labels = network(images).argmax(1)
    attack = library.PGD(network, eps=p.epsilon, alpha=p.step_size, steps=steps, random_start=True)
    jobs: dict[str, Callable[[], object]] = {
        "anamorph": lambda: solve(_pgd(model, images, labels, p)),
        "torchattacks": lambda: attack(images, labels),
        "protect": lambda: protect_images(images, model, parameters=p),
        "floor": lambda: _repeat(floor_step(model, images), steps),
    }
    times = interleaved(jobs, rounds, label="beside torchattacks")
    return {
        "seconds": {name: seconds(t) for name, t in times.items()},
        "torchattacks_over_anamorph": ratio(times["torchattacks"], times["anamorph"]),
        "torchattacks_over_protect": ratio(times["torchattacks"], times["protect"]),
        "anamorph_over_floor": ratio(times["anamorph"], times["floor"]),
        "torchattacks_over_floor": ratio(times["torchattacks"], times["floor"]),
    }


def _pgd(model: Model, images: Images, labels: Tensor, p: FMD) -> Problem[tuple[Images, Tensor]]:
    """The rival's own problem, PGD on the cross-entropy, for our engine."""

    def objective(z: Tensor, context: tuple[Images, Tensor]) -> Terms:
        return Terms(parts={"misread": cross_entropy(model.output(z), context[1])})

    return Problem(
        sense="max",
        objective=objective,
        start=onto_box(uniform_in_ball(images, p.epsilon, range(len(images))), 0, 1),
        context=(images, labels),
        step=Sign(p.step_size),
        project=lambda z, context: onto_box(onto_linf_ball(z, context[0], p.epsilon), 0, 1),
        iterations=p.steps,
    )


def _repeat(step: Callable[[], object], times: int) -> None:
    for _ in range(times):
        step()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Speed against the floor and torchattacks.")
    parser.add_argument("--batch", type=int, default=8, help="pictures in a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="fewer steps everywhere, for a trial")
    parser.add_argument("--rival-steps", type=int, default=10, help="beside torchattacks")
    parser.add_argument("--rival-batch", type=int, default=16, help="beside torchattacks")
    parser.add_argument("--threads", type=int, default=1, help="of torch; 0 leaves its choice")
    parser.add_argument("--redo", action="store_true", help="measure finished runs again")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
