"""Real faces protected for one task and read by models of others, and by a face detector.

    python benchmarks/tasks.py --faces 100

Two models of identity, two of emotions (`zoo/train_emotions.py` makes them) and two of ImageNet's
classes take turns as the authorized model; each one's own reading of the clean face is right. The
detector is the cascade that comes with scikit-image; nothing was made against it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import data
from skimage.feature import Cascade
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.faces import extract, has_faces, names, one_each
from benchmarks.options import add_shared
from benchmarks.page_tasks import page
from benchmarks.places import AUTHORIZED, WORK, card, has_models
from benchmarks.runs import Results

from anamorph.app.audit.matrix.matrix import matrix
from anamorph.app.audit.matrix.writing import folder_of
from anamorph.app.images import as_images
from anamorph.auditing.matrix import row_json, share_json
from anamorph.files.photo import read
from anamorph.losses import cosine
from anamorph.methods.fmd_parameters import PRESETS
from anamorph.metrics.accuracy import Share, share
from anamorph.metrics.identity import similarities, tar_at_far
from anamorph.models import Model, load
from anamorph.parameters import shown

TASKS: Mapping[str, Sequence[str]] = {
    "identity": ("mobilefacenet_relu6_112", "edgeface_xxs"),
    "emotion": ("emotion-vgg", "emotion-residual"),
    "ImageNet": (AUTHORIZED, "squeezenet1_1_caffe"),
}
"""The models of each task."""

FAR = 1e-3
"""How many pairs of two people a face model takes for one, where it says who is still matched."""

SMALLEST_FACE = 40
"""Side in pixels below which the detector does not look."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows that are asked for and are not measured yet."""
    options = _parser().parse_args(arguments)
    if not has_faces(options.data) or not has_models():
        print(f"tasks: skipped, the real faces and models are not in {options.data.name}/")
        return 0
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = options.work / f"tasks-{options.faces}" / "originals"
    faces = extract(one_each(names(options.data), options.faces), folder, options.data)
    models = [
        load(path) for tasks in TASKS.values() for name in tasks if (path := _card(name, options))
    ]
    results = Results(folder=options.results, name="tasks", page=page, redo=options.redo)
    for model in models:
        settings = {
            "pictures": "aligned LFW",
            "count": len(faces),
            "preset": options.preset,
            "parameters": shown(PRESETS[options.preset]),
            "authorized": model.name,
            "models": [one.name for one in models],
            "tasks": {
                one.name: task for task, some in TASKS.items() for one in models if one.name in some
            },
            "far": FAR,
            "seed": options.seed,
            "threads": torch.get_num_threads(),
        }
        measured = partial(_row, faces, models, model.name, options)
        results.measure(model.name, settings, len(faces), measured)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _row(
    faces: Sequence[Path], models: Sequence[Model], name: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Protect the faces for one model; all of them and the detector look at the files."""
    out = options.work / f"tasks-{options.faces}"
    presets = {options.preset: PRESETS[options.preset]}
    found = matrix(faces, models, out / "files", None, presets, rows=(name,), seed=options.seed)
    place = out / "files" / folder_of(options.preset) / folder_of(name)
    written = {path.stem: path for path in sorted(place.rglob("*.png"))}
    kept = [path for path in faces if path.stem in written]
    files = [written[path.stem] for path in kept]
    before = [path for path in kept if shows_face(path)]
    after = sum(shows_face(written[path.stem]) for path in before)
    return {
        **row_json(found.tables[0].rows[0]),
        "detector": share_json(share(after, len(before))),
        "matched": {
            model.name: share_json(matched(model, kept, files))
            for model in models
            if model.task == "embed"
        },
    }


def matched(model: Model, faces: Sequence[Path], files: Sequence[Path]) -> Share:
    """How many files a face model takes for the person in the clean face, at `FAR`."""
    clean, after = (_embeddings(model, some) for some in (faces, files))
    two = ~torch.eye(len(faces), dtype=torch.bool)
    _, threshold = tar_at_far(torch.ones(1), similarities(clean, clean)[two], FAR)
    return share(int((cosine(clean, after) > threshold).sum()), len(faces))


def _embeddings(model: Model, paths: Sequence[Path]) -> Tensor:
    with torch.no_grad():
        return torch.cat([model.output(as_images(read(path).pixels[..., :3])) for path in paths])


def shows_face(path: Path) -> bool:
    """Whether the detector finds a face in a picture."""
    pixels = read(path).pixels
    cascade = Cascade(data.lbp_frontal_face_cascade_filename())
    found = cascade.detect_multi_scale(
        img=np.ascontiguousarray(pixels[..., :3]),
        scale_factor=1.2,
        step_ratio=1,
        min_size=(SMALLEST_FACE, SMALLEST_FACE),
        max_size=pixels.shape[:2],
    )
    return bool(found)


def _card(name: str, options: argparse.Namespace) -> Path | None:
    """Of a model; None where nobody has trained it."""
    made = options.emotions / f"{name}.toml"
    return made if made.is_file() else card(name) if card(name).is_file() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Protect for one task, read for others.")
    parser.add_argument("--faces", type=int, default=100, help="how many, each of another person")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="fast")
    parser.add_argument(
        "--emotions",
        type=Path,
        default=WORK / "emotions",
        help="folder that zoo/train_emotions.py made",
    )
    add_shared(parser, "seed", "threads", "redo", "results", "data", work=WORK)
    return parser


if __name__ == "__main__":
    sys.exit(main())
