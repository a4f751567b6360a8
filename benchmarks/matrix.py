"""The leave-one-out matrix: each model is authorized in turn, all the others read the files.

    python benchmarks/matrix.py --presets fast --rows mobilenetv2_100_tfq

Three sets: real photos with the four real ImageNet models, portraits of people who do not exist
with six models of them, and real faces with six models of emotions, where `zoo/train_emotions.py`
has made them. Each row is a run of its own, so that rows can be measured one by one, in any order;
what a stopped row has protected stays in `scratch/`.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.options import add_shared
from benchmarks.page_matrix import page
from benchmarks.photos import labeled
from benchmarks.places import AUTHORIZED, PANEL, WORK, card, has_models
from benchmarks.runs import Results

from anamorph import portraits
from anamorph.app.audit.matrix.matrix import matrix
from anamorph.app.labels import read_labels
from anamorph.auditing.matrix import row_json, share_json
from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import Model, load
from anamorph.parameters import shown
from anamorph.portraits.networks.families import FAMILIES

PEOPLE = 25
SHOT = 1000  # far from the pictures that the models learned from
SIDE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Pictures with their labels, and the models that take turns."""

    name: str
    pictures: Sequence[Path]
    labels: Mapping[str, int]
    models: Sequence[str]
    """Cards or specs, by the names of the models."""
    first: int = 0
    """Where in the list of such pictures they begin."""

    @property
    def names(self) -> list[str]:
        """Of the models."""
        return [Path(model).stem.removeprefix("portraits:") for model in self.models]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows that are asked for and are not measured yet."""
    options = _parser().parse_args(arguments)
    sets = [
        one
        for name, made in (("photos", _photos), ("portraits", _portraits), ("emotions", _emotions))
        if name in options.sets.split(",") and (one := made(options)) is not None
    ]
    if not sets:
        print(f"matrix: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="matrix", page=page, redo=options.redo)
    wanted = [name for name in options.rows.split(",") if name]
    for one in sets:
        models = [load(model) for model in one.models]
        for preset, p in _presets(options).items():
            for name in one.names:
                if wanted and name not in wanted:
                    continue
                settings = {
                    "set": one.name,
                    "first": one.first,
                    "preset": preset,
                    "parameters": shown(p),
                    "authorized": name,
                    "models": one.names,
                    "count": len(one.pictures),
                    "seed": options.seed,
                    "threads": torch.get_num_threads(),
                }
                results.measure(
                    f"{one.name}, {preset}, {name}",
                    settings,
                    len(one.pictures),
                    partial(_row, one, models, {preset: p}, name, options),
                )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _row(
    one: Set,
    models: Sequence[Model],
    presets: Mapping[str, FMD],
    name: str,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Protect the pictures for one model and let all of them read the files."""
    size = f"{one.first}-{len(one.pictures)}-{options.steps or 'all'}"
    out = options.work / f"matrix-{one.name}-{size}"
    if options.redo:
        for preset in presets:
            shutil.rmtree(out / preset / name, ignore_errors=True)
            (out / preset / f"{name}.json").unlink(missing_ok=True)
    found = matrix(one.pictures, models, out, one.labels, presets, rows=(name,), seed=options.seed)
    row = found.tables[0].rows[0]
    return {
        **row_json(row),
        "clean": {model.name: share_json(model.clean) for model in found.models},
    }


def _photos(options: argparse.Namespace) -> Set | None:
    """Real photos, and the models of the benchmark of `protect`."""
    photos = labeled(options.data / "imagenet" / "nips2017dev", options.first, options.photos)
    if not photos or not has_models():
        return None
    return Set(
        name="photos",
        pictures=[photo.path for photo in photos],
        labels={photo.path.name: photo.label for photo in photos},
        models=[str(card(name)) for name in (AUTHORIZED, *PANEL)],
        first=options.first,
    )


def _portraits(options: argparse.Namespace) -> Set:
    """Portraits that no model learned from, and six models that know the people."""
    folder = options.work / f"matrix-originals-{options.portraits}"
    people = range(min(PEOPLE, options.portraits))
    shots = range(SHOT, SHOT + -(-options.portraits // PEOPLE))
    table = read_labels(portraits.write_folder(folder, people, shots, size=SIDE))
    labels = dict(list(table.items())[: options.portraits])
    names = [name for name in portraits.names() if name.startswith("identity-")]
    return Set(
        name="portraits",
        pictures=[folder / file for file in labels],
        labels=labels,
        models=[f"portraits:{name}" for name in names],
    )


def _emotions(options: argparse.Namespace) -> Set | None:
    """Faces of people that no model learned from, and the models that the recipe made."""
    faces, cards = options.emotions / "faces", sorted(options.emotions.glob("emotion-*.toml"))
    if not (faces / "labels.csv").is_file() or len(cards) < len(FAMILIES):
        return None
    table = read_labels(faces / "labels.csv")
    return Set(
        name="emotions",
        pictures=[faces / file for file in table],
        labels=table,
        models=[str(path) for path in cards],
    )


def _presets(options: argparse.Namespace) -> dict[str, FMD]:
    """The presets that were asked for, with the fewer steps of a trial."""
    chosen = {name: PRESETS[name] for name in options.presets.split(",") if name}
    if options.steps is None:
        return chosen
    return {name: replace(p, steps=options.steps) for name, p in chosen.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Each model authorized in turn.")
    parser.add_argument("--sets", default="photos,portraits,emotions", help="separated by commas")
    parser.add_argument("--presets", default="fast,paper", help="separated by commas")
    parser.add_argument("--rows", default="", help="names of authorized models; commas; else all")
    parser.add_argument("--portraits", type=int, default=100, help="how many")
    parser.add_argument("--steps", type=int, help="fewer steps, for a trial")
    parser.add_argument(
        "--emotions",
        type=Path,
        default=WORK / "emotions",
        help="folder that zoo/train_emotions.py made",
    )
    add_shared(
        parser, "seed", "threads", "redo", "results", "data", photos=100, first=100, work=WORK
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
