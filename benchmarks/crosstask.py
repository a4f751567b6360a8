"""Cross-task: does what was made against models of one task hold against those of others?

    python benchmarks/crosstask.py --portraits 100

Portraits of people who do not exist are protected for a model of one task. Models of all tasks then
read the files: who it is, the expression, the kind of glasses, the hair style. Those of the last
two are not shipped; `zoo/train_attributes.py` makes them in minutes, and without them the rest is
measured.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.intervals import share
from benchmarks.options import add_shared
from benchmarks.page_crosstask import page
from benchmarks.panel import Pair, quality, right
from benchmarks.places import WORK
from benchmarks.runs import Results

from anamorph import portraits
from anamorph.app.protect.protect import protect
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.metrics import accuracy
from anamorph.models import Model, load
from anamorph.parameters import shown
from anamorph.portraits.scene import GLASSES

PEOPLE = 25
SHOT = 1000  # far from the pictures that the models learned from
SIDE = 128

Truth = Callable[[portraits.Shot], int]

TASKS: Mapping[str, Truth] = MappingProxyType(
    {
        "identity": lambda shot: shot.identity,
        "expression": lambda shot: portraits.EXPRESSIONS.index(shot.expression),
        "glasses": lambda shot: ("none", *GLASSES).index(shot.glasses or "none"),
        "hair": lambda shot: portraits.HAIR_STYLES.index(shot.hair_style),
    }
)
"""The right answer of each task, as its models number them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A written portrait, and all that is true of it."""

    path: Path
    shot: portraits.Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all the runs share."""

    portraits: Sequence[Portrait]
    readers: Mapping[str, Sequence[Model]]
    """By task."""
    seed: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows that are asked for and are not measured yet."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    bench = Bench(
        portraits=written(options.work / f"crosstask-{options.portraits}", options.portraits),
        readers=readers(options.attributes),
        seed=options.seed,
    )
    results = Results(folder=options.results, name="crosstask", page=page, redo=options.redo)
    by_name = {model.name: model for models in bench.readers.values() for model in models}
    wanted = [name for name in options.rows.split(",") if name]
    for name in wanted or [models[0].name for models in bench.readers.values()]:
        p = PRESETS[options.preset]
        p = p if options.steps is None else replace(p, steps=options.steps)
        settings = {
            "preset": options.preset,
            "parameters": shown(p),
            "authorized": name,
            "readers": {task: [m.name for m in ms] for task, ms in bench.readers.items()},
            "count": len(bench.portraits),
            "seed": options.seed,
            "threads": torch.get_num_threads(),
        }
        results.measure(
            f"{options.preset}, {name}",
            settings,
            len(bench.portraits),
            partial(_row, bench, by_name[name], p),
        )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def written(folder: Path, count: int) -> tuple[Portrait, ...]:
    """Portraits as files, with all that is true of each."""
    people = range(min(PEOPLE, count))
    shots = range(SHOT, SHOT + -(-count // PEOPLE))
    portraits.write_folder(folder, people, shots, size=SIDE)
    found = [
        Portrait(
            path=folder / f"person{who:03d}_{number:03d}.png", shot=portraits.take(who, number)
        )
        for number in shots
        for who in people
    ]
    return tuple(found[:count])


def readers(attributes: Path) -> dict[str, list[Model]]:
    """The shipped models and those in a folder, by task; tasks that have none are left out."""
    shipped = [f"portraits:{name}" for name in portraits.names()]
    made = [str(path) for path in sorted(attributes.glob("*.toml"))]
    models = [load(source) for source in (*shipped, *made)]
    found = {task: [m for m in models if m.name.startswith(f"{task}-")] for task in TASKS}
    return {task: sorted(ms, key=_others_after_vgg) for task, ms in found.items() if ms}


def _others_after_vgg(model: Model) -> bool:
    return not model.name.endswith("-vgg")


def _row(bench: Bench, authorized: Model, p: FMD) -> dict[str, Any]:
    """Protect the portraits for one model, and let the models of all tasks read the files."""
    with tempfile.TemporaryDirectory() as out:
        sources = [one.path for one in bench.portraits]
        report = protect(sources, out, authorized, parameters=p, seed=bench.seed)
        made = {r.source: r.output for r in report.images if r.status == "protected"}
        kept = [one for one in bench.portraits if made.get(str(one.path)) is not None]
        files = {str(one.path): Path(str(made[str(one.path)])) for one in kept}
        return {
            "authorized": authorized.name,
            "protected": len(kept),
            "failed": len(bench.portraits) - len(kept),
            "tasks": {
                task: _task(models, kept, files, TASKS[task], authorized)
                for task, models in bench.readers.items()
            },
            "quality": quality(
                [Pair(source=one.path, output=files[str(one.path)], label=0) for one in kept]
            ),
        }


def _task(
    models: Sequence[Model],
    kept: Sequence[Portrait],
    files: Mapping[str, Path],
    truth: Truth,
    authorized: Model,
) -> dict[str, Any]:
    """What the models of one task read, and the mean over those the files were not made for."""
    before = right(models, [(one.path, truth(one.shot)) for one in kept])
    after = right(models, [(files[str(one.path)], truth(one.shot)) for one in kept])
    rows = [
        {
            "name": model.name,
            "authorized": model.name == authorized.name,
            "clean": share(before[:, i]),
            "protected": share(after[:, i]),
            "kept": share(after[:, i], among=before[:, i]),
        }
        for i, model in enumerate(models)
    ]
    unseen = [
        accuracy.share(int((after[:, i] & before[:, i]).sum()), int(before[:, i].sum()))
        for i, row in enumerate(rows)
        if not row["authorized"]
    ]
    return {"models": rows, "unseen_kept_mean": _figure(accuracy.mean_share(unseen))}


def _figure(found: accuracy.Share) -> dict[str, Any]:
    """As `intervals.share` writes it."""
    value = None if found.value is None else round(found.value, 4)
    return {
        "share": value,
        "n": found.n,
        "interval": [round(found.low, 4), round(found.high, 4)],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Protect for one task, read for others.")
    parser.add_argument("--portraits", type=int, default=100, help="how many")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="fast")
    parser.add_argument(
        "--rows", default="", help="names of authorized models; commas; else one of each task"
    )
    parser.add_argument("--steps", type=int, help="fewer steps, for a trial")
    parser.add_argument(
        "--attributes",
        type=Path,
        default=WORK / "attributes",
        help="folder of the models that zoo/train_attributes.py made",
    )
    add_shared(parser, "seed", "threads", "redo", "results", work=WORK)
    return parser


if __name__ == "__main__":
    sys.exit(main())
