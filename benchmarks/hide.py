"""Hiding real faces and photos: who reads the files that `hide` writes, and what comes back.

    python benchmarks/hide.py

Faces are hidden for a face model and searched with clean pictures of the same people, by that
model and by one that took no part. Photos are hidden for a classifier. Attackers get many pairs of
originals and hidden pictures. Everything is measured on the written files.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.faces import Person, extract, has_faces, names, one_each, people
from benchmarks.hide_files import (
    HiddenFile,
    comes_back,
    other_key,
    recompressed,
    shows,
    summary,
)
from benchmarks.hide_pairs import attacked
from benchmarks.hide_run import fresh, hidden, scratch
from benchmarks.intervals import share
from benchmarks.options import add_shared
from benchmarks.page_hide import page
from benchmarks.photos import LabeledPhoto, labeled
from benchmarks.places import AUTHORIZED, PANEL, card, has_models
from benchmarks.runs import Results
from benchmarks.ways import PHOTO_WAYS, WAYS, Way, picture, readings
from torch import Tensor

from anamorph.losses import cosine
from anamorph.metrics.verification import search
from anamorph.models import Model, load
from anamorph.parameters import shown

SERVICE, JUDGE = "edgeface_xxs", "mobilefacenet_relu6_112"
"""Of faces: the model they are hidden for, and the one that took no part."""

Part: TypeAlias = Callable[[Results, Sequence[Way], argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    if not has_faces(options.data) or not has_models():
        print(f"hide: skipped, the real faces and models are not in {options.data.name}/")
        return 0
    torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="hide", page=page, redo=options.redo)
    for part in options.parts.split(","):
        measure, ways = PARTS[part]
        names_of = options.ways.split(",") if options.ways else [way.name for way in ways]
        measure(results, [way for way in ways if way.name in names_of], options)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _faces(results: Results, ways: Sequence[Way], options: argparse.Namespace) -> None:
    chosen = people(names(options.data), options.faces)
    service, judge = load(card(SERVICE)), load(card(JUDGE))
    for way in ways:
        settings = {
            "pictures": "aligned LFW",
            "count": len(chosen),
            "threads": options.threads,
            "service": SERVICE,
            "judge": JUDGE,
            "parameters": shown(way.parameters),
        }
        job = partial(_hidden_faces, way, chosen, service, judge, options.data, options.redo)
        results.measure(f"faces, {way.name}", settings, len(chosen), job)


def _photos(results: Results, ways: Sequence[Way], options: argparse.Namespace) -> None:
    photos = labeled(options.data / "imagenet" / "nips2017dev", 0, options.photos)
    service, panel = load(card(AUTHORIZED)), [load(card(name)) for name in PANEL]
    for way in ways:
        settings = {
            "pictures": "nips2017dev",
            "count": len(photos),
            "threads": options.threads,
            "service": AUTHORIZED,
            "panel": list(PANEL),
            "parameters": shown(way.parameters),
        }
        job = partial(_hidden_photos, way, photos, service, panel, options.redo)
        results.measure(f"photos, {way.name}", settings, len(photos), job)


def _pairs(results: Results, ways: Sequence[Way], options: argparse.Namespace) -> None:
    faces = one_each(names(options.data), options.pairs)
    service, judge = load(card(SERVICE)), load(card(JUDGE))
    for way in ways:
        settings = {
            "pictures": "aligned LFW",
            "count": len(faces),
            "threads": options.threads,
            "service": SERVICE,
            "judge": JUDGE,
            "parameters": shown(way.parameters),
        }
        job = partial(attacked, way, faces, service, judge, options.data, options.redo)
        results.measure(f"pairs, {way.name}", settings, len(faces), job)


def _hidden_faces(
    way: Way,
    chosen: Sequence[Person],
    service: Model,
    judge: Model,
    data: Path,
    redo: bool,
) -> dict[str, Any]:
    """Hide the gallery, search it with the probes, reveal it, spoil it."""
    folder = fresh(scratch(f"faces-{len(chosen)}", way), redo)
    gallery = extract([one.enrolled for one in chosen], folder / "gallery", data)
    probes = extract([one.probe for one in chosen], folder / "probes", data)
    run = hidden(gallery, folder, way, service)
    with TemporaryDirectory() as temporary:
        spoiled_in = Path(temporary, "spoiled")
        spoiled = recompressed(run.files, run.folder, spoiled_in)
        return {
            "shows": shows(run.files),
            "service_cosine": _cosines(service, run.files),
            "unauthorized_cosine": _cosines(judge, run.files),
            "search": {
                model.name: _searched(model, gallery, probes, run.files)
                for model in (service, judge)
            },
            "reveal": comes_back(run.files, run.folder, run.key),
            "other_key": other_key(run.files, run.key, judge),
            "jpeg85": {
                "service_cosine": _cosines(service, spoiled),
                "reveal": comes_back(spoiled, spoiled_in, run.key),
            },
            "cost": run.cost(),
        }


def _hidden_photos(
    way: Way,
    photos: Sequence[LabeledPhoto],
    service: Model,
    panel: Sequence[Model],
    redo: bool,
) -> dict[str, Any]:
    """Hide photos, let every classifier read them, reveal them, spoil them."""
    folder = fresh(scratch(f"photos-{len(photos)}", way), redo)
    run = hidden([photo.path for photo in photos], folder, way, service)
    with TemporaryDirectory() as temporary:
        spoiled_in = Path(temporary, "spoiled")
        spoiled = recompressed(run.files, run.folder, spoiled_in)
        return {
            "shows": shows(run.files),
            "kept": {m.name: _kept(m, run.files) for m in (service, *panel)},
            "reveal": comes_back(run.files, run.folder, run.key),
            "other_key": other_key(run.files, run.key, None),
            "jpeg85": {
                "kept": _kept(service, spoiled),
                "reveal": comes_back(spoiled, spoiled_in, run.key),
            },
            "cost": run.cost(),
        }


def _cosines(model: Model, files: Sequence[HiddenFile]) -> dict[str, float]:
    return summary(cosine(*_both(model, files)).tolist())


def _kept(model: Model, files: Sequence[HiddenFile]) -> dict[str, Any]:
    """How often a classifier's first answer on the file is that on the original."""
    before, after = _both(model, files)
    return share((before.argmax(1) == after.argmax(1)).numpy())


def _both(model: Model, files: Sequence[HiddenFile]) -> tuple[Tensor, Tensor]:
    before = readings(model, [picture(f.source) for f in files])
    return before, readings(model, [picture(f.output) for f in files])


def _searched(
    model: Model, gallery: Sequence[Path], probes: Sequence[Path], files: Sequence[HiddenFile]
) -> dict[str, Any]:
    """Clean probes against the clean gallery, and against the hidden one."""
    place = {path: i for i, path in enumerate(gallery)}
    enrolled = torch.tensor([place[f.source] for f in files])
    who = torch.arange(len(probes))
    asked = readings(model, [picture(path) for path in probes])
    clean = readings(model, [picture(path) for path in gallery])
    now = readings(model, [picture(f.output) for f in files])
    return {
        "clean": search(asked, who, clean, who)._asdict(),
        "hidden": search(asked, who, now, enrolled)._asdict(),
    }


PARTS: Mapping[str, tuple[Part, Sequence[Way]]] = {
    "faces": (_faces, WAYS),
    "photos": (_photos, PHOTO_WAYS),
    "pairs": (_pairs, WAYS),
}
"""What can be asked for with `--parts`."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Hiding real faces and photos.")
    parser.add_argument("--parts", default=",".join(PARTS), help="separated by commas")
    parser.add_argument("--ways", default="", help="such as 'sealed full', separated by commas")
    parser.add_argument("--faces", type=int, default=100, help="people in the gallery")
    parser.add_argument("--pairs", type=int, default=1000, help="faces the attackers work on")
    add_shared(parser, "redo", "results", "data", photos=200, threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
