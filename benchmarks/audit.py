"""The honest table: an audit of protected photos with every attack there is.

    python benchmarks/audit.py --photos 200

Photos are protected with a preset as users protect them, then audited by the panel: as they are,
recompressed, purified, and by attackers who learn from some of them. The originals and the files
stay in `scratch/`, with the audit's own report, so that a run that was stopped goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.options import add_shared
from benchmarks.page_audit import LEARNERS, page
from benchmarks.photos import LabeledPhoto, labeled
from benchmarks.places import AUTHORIZED, PANEL, WORK, card, has_models
from benchmarks.runs import Results

from anamorph.adversaries.purify import PURIFIERS
from anamorph.app.audit.protected.audit import audit
from anamorph.app.protect.protect import protect
from anamorph.methods.fmd_parameters import PRESETS
from anamorph.models import load
from anamorph.parameters import shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Protect and audit, unless this is measured."""
    options = _parser().parse_args(arguments)
    photos = labeled(options.data / "imagenet" / "nips2017dev", options.first, options.photos)
    if not photos or not has_models():
        print(f"audit: skipped, the real photos and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="audit", page=page, redo=options.redo)
    settings = {
        "photos": "nips2017dev",
        "first": options.first,
        "count": len(photos),
        "parameters": shown(PRESETS[options.preset]),
        "authorized": AUTHORIZED,
        "panel": list(PANEL),
        "seed": options.seed,
        "threads": torch.get_num_threads(),
    }
    survive = _names(options.survive)
    if survive:
        settings["survive"] = list(survive)
    name = f"{options.preset}, survives {', '.join(survive)}" if survive else options.preset
    attacked = {"transforms": options.transforms, "purify": options.purify}
    learned = {"learn": options.learn}
    for run, asked in ((name, attacked), (f"{name}{LEARNERS}", learned)):
        if any(asked.values()):
            measure = partial(_figures, photos, options, **asked)
            results.measure(run, {**settings, **asked}, len(photos), measure)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _figures(
    photos: Sequence[LabeledPhoto],
    options: argparse.Namespace,
    *,
    transforms: str = "none",
    purify: str = "",
    learn: str = "",
) -> dict[str, Any]:
    """What `audit.json` holds, without the pictures one by one."""
    survive = _names(options.survive)
    name = "-".join([options.preset, *survive, str(options.first), str(len(photos))])
    work = options.work / f"audit-{name}"
    originals, protected = work / "originals", work / "protected"
    originals.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        (originals / photo.path.name).write_bytes(photo.path.read_bytes())
    authorized = load(card(AUTHORIZED))
    protect(
        [originals],
        protected,
        authorized,
        survive=survive or None,
        parameters=PRESETS[options.preset],
        seed=options.seed,
        resume=protected.exists(),
    )
    learned = tuple(int(k) for k in _names(learn))
    found = audit(
        originals=originals,
        protected=protected,
        authorized=authorized,
        panel=[load(card(name)) for name in PANEL],
        labels={photo.path.name: photo.label for photo in photos},
        out=work / "report",
        transforms=_names(transforms),
        purify=_names(purify),
        adaptive=learned,
        distill=learned,
        detect=bool(learned),
        seed=options.seed,
    )
    told = found.as_json()
    apart = ("images", "measuring", "analyses")
    return {name: value for name, value in told.items() if name not in apart}


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name for name in listed.split(",") if name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="An audit with every attack there is.")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="fast")
    parser.add_argument("--survive", default="", help="what the reading must survive; commas")
    parser.add_argument("--transforms", default="all", help="separated by commas")
    parser.add_argument("--purify", default=",".join(PURIFIERS), help="separated by commas")
    parser.add_argument("--learn", default="100", help="photos that attackers learn from; empty: 0")
    add_shared(
        parser, "seed", "threads", "redo", "results", "data", photos=200, first=100, work=WORK
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
