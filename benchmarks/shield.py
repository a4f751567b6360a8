"""Stored features of real faces: what thieves reconstruct of them, and whether they still match.

    python benchmarks/shield.py

Maps of a face recognizer are stored; a model that took no part judges who is seen in what is
reconstructed. No person that is tested on trained an attacker, a shadow or a tail. Every row is
saved as it is done; what takes long is kept in a scratch folder.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.faces import has_faces
from benchmarks.options import add_shared
from benchmarks.page_shield import page
from benchmarks.places import card
from benchmarks.runs import Results
from benchmarks.shield_data import faces
from benchmarks.shield_embeddings import EMBEDDING_ROWS
from benchmarks.shield_maps import MAP_ROWS
from benchmarks.shield_scene import Scene, Sizes

from anamorph.models import load

RECOGNIZER, JUDGE, TAP = "mobilefacenet_relu6_112", "edgeface_xxs", "c02"
"""Whose maps are stored, who judges, and the layer: 64 x 56 x 56, the end of the stem."""

Row: TypeAlias = Callable[[Scene], dict[str, Any]]

ROWS: Mapping[str, Row] = {**MAP_ROWS, **EMBEDDING_ROWS}
"""What can be asked for with `--rows`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    if not has_faces(options.data):
        print(f"shield: skipped, the real faces are not in {options.data.name}/")
        return 0
    torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="shield", page=page, redo=options.redo)
    sizes = Sizes(
        learned=options.learned,
        attacked=options.attacked,
        updates=options.updates,
        counts=tuple(int(k) for k in options.counts.split(",")),
        inverted=options.inverted,
    )
    scene = Scene(
        faces=faces(options.data, options.folds, options.pairs),
        recognizer=load(card(RECOGNIZER)),
        judge=load(card(JUDGE)),
        layer=TAP,
        sizes=sizes,
    )
    for name in options.rows.split(","):
        settings = {
            "pictures": "aligned LFW",
            "folds": options.folds,
            "pairs": len(scene.faces.tested),
            "learned": sizes.learned,
            "attacked": sizes.attacked,
            "updates": sizes.updates,
            "counts": list(sizes.counts),
            "inverted": sizes.inverted,
            "threads": options.threads,
            "recognizer": RECOGNIZER,
            "layer": TAP,
            "judge": JUDGE,
        }
        results.measure(name, settings, len(scene.faces.stored), partial(ROWS[name], scene))
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Stored features of real faces.")
    parser.add_argument("--rows", default=",".join(ROWS), help="separated by commas")
    parser.add_argument("--folds", type=int, default=2, help="of LFW's ten that are tested on")
    parser.add_argument("--pairs", type=int, default=1200, help="of pictures compared, at most")
    parser.add_argument("--learned", type=int, default=4000, help="pictures decoders learn from")
    parser.add_argument("--attacked", type=int, default=200, help="records that are reconstructed")
    parser.add_argument("--updates", type=int, default=1500, help="of every decoder's training")
    parser.add_argument(
        "--counts", default="100,400,1000,4000", help="protected records an attacker has"
    )
    parser.add_argument("--inverted", type=int, default=30, help="embeddings that are inverted")
    add_shared(parser, "redo", "results", "data", threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
