"""Keyed rotation of embeddings: migrations that are killed, accuracy, and attacks on the key.

    python benchmarks/keyed.py [--parts cost,migration,faces]

A PostgreSQL with pgvector is started for the migrations. Faces are embeddings of real pictures; the
people whose pairs attackers know are not those they are judged by.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.faces import has_faces
from benchmarks.keyed_attacks import by_pairs, by_shape, with_and_without
from benchmarks.keyed_cost import BATCH, RECORDS, cost
from benchmarks.keyed_faces import EXTRACTOR, embeddings
from benchmarks.keyed_migration import KILLS, PROBES, migrated, server
from benchmarks.options import add_shared
from benchmarks.page_keyed import page
from benchmarks.places import has_models
from benchmarks.runs import Results
from numpy.typing import NDArray

ROWS, WIDTH = 10_000, 512
CLUSTERS = 1000
"""Of the clustered embeddings: people with ten pictures each."""

_SEED = 0
_WITHIN = 0.8
"""Length of the part of an embedding that is not the person's own, beside 1 that is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    results = Results(folder=options.results, name="keyed", page=page, redo=options.redo)
    real = has_faces(options.data) and has_models()
    if not real:
        print(f"keyed: no real faces and models in {options.data.name}/, so none are measured")
    parts = options.parts.split(",")
    if "faces" in parts and real:
        faces = embeddings(options.data)
        settings = {"faces": "aligned LFW", "extractor": EXTRACTOR, "count": len(faces.features)}
        for name, measure in (
            ("with and without the key", with_and_without),
            ("known pairs", by_pairs),
            ("shape of the cloud", by_shape),
        ):
            results.measure(
                f"faces, {name}", settings, len(faces.features), partial(measure, faces)
            )
    if "cost" in parts:
        settings = {"width": WIDTH, "records": RECORDS, "batch": BATCH}
        results.measure("cost of a record", settings, RECORDS, partial(cost, random_units(RECORDS)))
    if "migration" in parts:
        _migrations(results, options, real)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def _migrations(results: Results, options: argparse.Namespace, real: bool) -> None:
    kinds = {"clustered": clustered, "random": random_units}
    if real:
        kinds["LFW"] = partial(of_faces, options.data)
    chosen = options.kinds.split(",") if options.kinds else list(kinds)
    ways = [(kind, False) for kind in kinds] + [("clustered", True)]
    with server() as url:
        for name, in_place in (way for way in ways if way[0] in chosen):
            settings = {"rows": options.rows, "width": WIDTH, "kills": KILLS, "probes": PROBES}
            way = "in place" if in_place else "swap"
            job = partial(migrated, url, kinds[name](options.rows), in_place)
            results.measure(f"migration, {name}, {way}", settings, options.rows, job)


def random_units(rows: int) -> NDArray[np.float32]:
    """Directions without any order."""
    return _unit(np.random.default_rng(_SEED).normal(size=(rows, WIDTH)))


def clustered(rows: int) -> NDArray[np.float32]:
    """People with several embeddings each, near each other."""
    rng = np.random.default_rng(_SEED)
    people = _unit(rng.normal(size=(CLUSTERS, WIDTH)))
    own = people[np.arange(rows) % CLUSTERS]
    return _unit(own + _WITHIN * _unit(rng.normal(size=(rows, WIDTH))))


def of_faces(data: Path, rows: int) -> NDArray[np.float32]:
    """Real ones; if there are fewer than rows, some twice."""
    return np.resize(embeddings(data).features, (rows, WIDTH))


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")
    return unit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", default="faces,cost,migration")
    parser.add_argument("--kinds", default="", help="Of embeddings to migrate; all by default.")
    parser.add_argument("--rows", type=int, default=ROWS)
    add_shared(parser, "redo", "results", "data", threads=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
