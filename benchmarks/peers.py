"""Beside other libraries: the same mathematics, network, batch and steps, each as its users run it.

    python benchmarks/peers.py

PGD on the cross-entropy by torchattacks, foolbox and ART, and feature adversaries by ART, against
the same two problems written for the engine. Whole calls, pictures in and out, taking turns.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.networks import SIZE, Normalized, drawn, model_of
from benchmarks.options import add_shared
from benchmarks.page_peers import page
from benchmarks.photos import batch
from benchmarks.rival import REQUIREMENTS, Absent, rival_module
from benchmarks.runs import Results
from benchmarks.timing import interleaved, ratio, seconds

from anamorph.app.protect.protect import protect_images
from anamorph.losses import cross_entropy, mse
from anamorph.methods.fmd_parameters import PRESETS
from anamorph.methods.views import VIEWS
from anamorph.models import Model
from anamorph.models.precision import in_precision
from anamorph.optimize.engine import solve
from anamorph.optimize.problem import Problem
from anamorph.optimize.sets import onto_box, onto_linf_ball
from anamorph.optimize.starts import uniform_in_ball
from anamorph.optimize.steps import Sign
from anamorph.optimize.terms import Terms
from anamorph.types import Images

EPSILON, STEP = 16 / 255, 4 / 255
LAYERS = {"resnet18": "layer2", "mobilenet_v2": "features.6"}
"""The networks, and where their feature maps of 28 x 28 pixels are."""

PGD = ("torchattacks", "foolbox", "ART")
"""Who runs the engine's first problem."""

SHORT = ", bfloat16"
"""Ends the names of the engine's calls in shorter numbers."""

Call = Callable[[], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="peers", page=page, redo=options.redo)
    settings = {
        "batch": options.batch,
        "size": list(SIZE),
        "steps": options.steps,
        "rounds": options.rounds,
        "threads": torch.get_num_threads(),
        "rivals": list(REQUIREMENTS),
    }
    try:
        for name in LAYERS:
            calls = _calls(name, batch(options.batch, SIZE[0]), options.steps)
            measured = partial(_measured, calls, options.rounds)
            results.measure(name, {"model": name, **settings}, options.rounds, measured)
    except Absent as error:
        print(f"peers: skipped, {error}")
        return 0
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _measured(calls: Mapping[str, Call], rounds: int) -> dict[str, Any]:
    times = interleaved(calls, rounds, label="peers")
    ours = {f"{name} PGD": "anamorph PGD" for name in PGD}
    if "ART features" in calls:
        ours["ART features"] = "anamorph features"
    return {
        "seconds": {name: seconds(t) for name, t in times.items()},
        "over_anamorph": {
            theirs: ratio(times[theirs], times[mine]) for theirs, mine in ours.items()
        },
        "over_short": {
            theirs: ratio(times[theirs], times[f"{mine}{SHORT}"]) for theirs, mine in ours.items()
        },
        "over_protect": {
            theirs: ratio(times[theirs], times["anamorph protect"]) for theirs in ours
        },
    }


def _calls(name: str, images: Images, steps: int) -> dict[str, Call]:
    """Everybody's whole call.

    Raises:
        Absent: a library cannot be had here.
    """
    layer = LAYERS[name]
    model, network = model_of(name, layer), Normalized(drawn(name)).eval()
    with torch.no_grad():
        labels = network(images).argmax(1)
    guides = images.flip(0)
    short = in_precision(model, "bfloat16")
    features = {
        "anamorph features": lambda: solve(_features(model, layer, images, guides, steps)),
        f"anamorph features{SHORT}": lambda: solve(_features(short, layer, images, guides, steps)),
        "ART features": _art_features(network, layer, images, guides, steps),
    }
    return {
        "anamorph PGD": lambda: solve(_pgd(model, images, labels, steps)),
        f"anamorph PGD{SHORT}": lambda: solve(_pgd(short, images, labels, steps)),
        "torchattacks PGD": _torchattacks(network, images, labels, steps),
        "foolbox PGD": _foolbox(network, images, labels, steps),
        "ART PGD": _art_pgd(network, images, labels, steps),
        **({} if "." in layer else features),  # ART knows the outermost layers only
        "anamorph protect": lambda: protect_images(images, model, parameters=PRESETS["fast"]),
    }


WHOLE = VIEWS[0].held


def _pgd(model: Model, images: Images, labels: Tensor, steps: int) -> Problem[Any]:
    def objective(z: Tensor, context: tuple[Images, Tensor]) -> Terms:
        return Terms(parts={"misread": cross_entropy(model.output(z), context[1])})

    return _within_ball("max", objective, images, labels, steps)


def _features(model: Model, layer: str, images: Images, guides: Images, steps: int) -> Problem[Any]:
    """Feature maps are brought close to those of other pictures (Sabour et al. 2016)."""
    glance = model.with_taps(layer).glance(1.0)
    with torch.no_grad():
        wanted = glance(guides, WHOLE)[0]

    def objective(z: Tensor, context: tuple[Images, Tensor]) -> Terms:
        return Terms(parts={"distance": mse(glance(z, WHOLE)[0], context[1])})

    return _within_ball("min", objective, images, wanted, steps)


def _within_ball(
    sense: Any,
    objective: Callable[[Tensor, tuple[Images, Tensor]], Terms],
    images: Images,
    other: Tensor,
    steps: int,
) -> Problem[Any]:
    return Problem(
        sense=sense,
        objective=objective,
        start=onto_box(uniform_in_ball(images, EPSILON, range(len(images))), 0, 1),
        context=(images, other),
        step=Sign(STEP),
        project=lambda z, context: onto_box(onto_linf_ball(z, context[0], EPSILON), 0, 1),
        iterations=steps,
    )


def _torchattacks(network: nn.Module, images: Images, labels: Tensor, steps: int) -> Call:
    attack = rival_module("torchattacks").PGD(
        network, eps=EPSILON, alpha=STEP, steps=steps, random_start=True
    )
    return lambda: attack(images, labels)


def _foolbox(network: nn.Module, images: Images, labels: Tensor, steps: int) -> Call:
    foolbox = rival_module("foolbox")
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=steps, random_start=True)
    return lambda: attack(model, images, labels, epsilons=EPSILON)


def _art_pgd(network: nn.Module, images: Images, labels: Tensor, steps: int) -> Call:
    attacks = rival_module("art.attacks.evasion")
    attack = attacks.ProjectedGradientDescentPyTorch(
        _art(network),
        eps=EPSILON,
        eps_step=STEP,
        max_iter=steps,
        num_random_init=1,
        batch_size=len(images),
        verbose=False,
    )
    return lambda: attack.generate(images.numpy(), labels.numpy())


def _art_features(
    network: Normalized, layer: str, images: Images, guides: Images, steps: int
) -> Call:
    attacks = rival_module("art.attacks.evasion")
    attack = attacks.FeatureAdversariesPyTorch(
        _art(network.network),
        delta=EPSILON,
        layer=layer,
        max_iter=steps,
        batch_size=len(images),
        step_size=STEP,
        random_start=True,
        verbose=False,
    )
    return lambda: attack.generate(images.numpy(), guides.numpy())


def _art(network: nn.Module) -> Any:
    classifier = rival_module("art.estimators.classification").PyTorchClassifier
    return classifier(
        network,
        loss=nn.CrossEntropyLoss(),
        input_shape=(3, *SIZE),
        nb_classes=1000,
        clip_values=(0, 1),
        device_type="cpu",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Speed beside other libraries.")
    parser.add_argument("--batch", type=int, default=8, help="pictures in a batch")
    parser.add_argument("--steps", type=int, default=10, help="of every attack")
    parser.add_argument("--rounds", type=int, default=5)
    add_shared(parser, "redo", "results", threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
