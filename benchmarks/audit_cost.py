"""What an audit costs over the forward passes that it cannot do without.

    python benchmarks/audit_cost.py --photos 200

An audit of protected photos by four models under all transforms, reports included, takes turns with
the same models reading the same pictures, decoded, transformed and ready in memory. The quotient of
CPU seconds is the figure.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.noise import CONTROLS, write_noisy
from benchmarks.options import add_shared
from benchmarks.page_audit_cost import page
from benchmarks.photos import LabeledPhoto, labeled
from benchmarks.places import AUTHORIZED, PANEL, card, has_models
from benchmarks.runs import Results
from benchmarks.timing import Seconds, ratio, seconds, timed

from anamorph.adversaries.transforms import transforms_named
from anamorph.app.audit.loading import batches, cases
from anamorph.app.audit.pairs import pairs
from anamorph.app.audit.protected.audit import audit
from anamorph.auditing.views import shown, views
from anamorph.files.photo import Limits
from anamorph.models import Model, load
from anamorph.types import Images

BAR = 1.2
"""The most that an audit may cost over its forward passes, in CPU seconds."""

GROUP = 50
"""Photos in one audit: the quotients of several groups show how much they vary."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / "nips2017dev", 0, options.photos)
    if not photos or not has_models():
        print(f"audit_cost: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="audit_cost", page=page, redo=options.redo)
    models = [load(card(name)) for name in (AUTHORIZED, *PANEL)]
    results.measure(
        "audit",
        {
            "photos": "nips2017dev",
            "count": len(photos),
            "group": options.group,
            "models": [model.name for model in models],
            "transforms": options.transforms,
            "threads": options.threads,
            "bar": BAR,
        },
        len(photos),
        partial(_figures, photos, models, options),
    )
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _figures(
    photos: Sequence[LabeledPhoto], models: Sequence[Model], options: argparse.Namespace
) -> dict[str, Any]:
    """The quotients of all groups of photos, each measured in turns."""
    over, alone = [], []
    for number, first in enumerate(range(0, len(photos), options.group)):
        with tempfile.TemporaryDirectory() as folder:
            originals, protected = Path(folder) / "originals", Path(folder) / "protected"
            _write(photos[first : first + options.group], originals, protected)
            whole = partial(
                audit,
                originals=originals,
                protected=protected,
                authorized=models[0],
                panel=models[1:],
                out=Path(folder) / "report",
                transforms=options.transforms.split(","),
            )
            forms = partial(_forms, originals, protected, options.transforms)
            if number % 2:
                alone.append(_forward(models, forms()))
                over.append(timed(whole))
            else:
                over.append(timed(whole))
                alone.append(_forward(models, forms()))
        print(
            f"  photos {first + 1} on: CPU s {over[-1].cpu:.1f} over {alone[-1].cpu:.1f}, "
            f"{over[-1].cpu / alone[-1].cpu:.3f}",
            flush=True,
        )
    return {
        "audit": seconds(over),
        "forward": seconds(alone),
        "audit_over_forward": ratio(over, alone),
    }


def _write(photos: Sequence[LabeledPhoto], originals: Path, protected: Path) -> None:
    """The photos, and files as a protection would leave them; what is in them costs nothing."""
    originals.mkdir()
    for photo in photos:
        (originals / photo.path.name).write_bytes(photo.path.read_bytes())
        output = protected / f"{photo.path.stem}.png"
        write_noisy(photo.path, output, CONTROLS["uniform noise"], 16, 0)


def _forms(originals: Path, protected: Path, transforms: str) -> Iterator[Images]:
    """Every batch that an audit shows to models, ready to be read."""
    limits = Limits()
    attacks = {t.name: t for t in transforms_named(transforms.split(","))}
    found = cases(pairs(originals, protected, Path("none")).items, None, 0, limits)
    wanted = views(tuple(attacks), controls=True)
    for batch in batches(found, limits):
        for one in shown(batch, attacks, wanted, 0, _refuse):
            yield one.images


def _refuse(why: str) -> None:
    raise ValueError(why)


def _forward(models: Sequence[Model], forms: Iterable[Images]) -> Seconds:
    """The seconds of the forward passes alone; making the pictures does not count."""
    spent = Seconds(0.0, 0.0)
    for images in forms:
        new = timed(partial(_read, models, images))
        spent = Seconds(spent.wall + new.wall, spent.cpu + new.cpu)
    return spent


def _read(models: Sequence[Model], images: Images) -> None:
    with torch.no_grad():
        for model in models:
            model.output(images)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="An audit over its forward passes.")
    parser.add_argument("--group", type=int, default=GROUP, help="photos measured at a time")
    parser.add_argument("--transforms", default="all", help="names or sets of them; commas")
    add_shared(parser, "redo", "results", "data", photos=200, threads=2)
    return parser


if __name__ == "__main__":
    sys.exit(main())
