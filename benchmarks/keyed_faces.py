"""Embeddings of real faces, read once and kept in the scratch folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from benchmarks.faces import extract, names
from benchmarks.places import DATA, WORK, card
from numpy.typing import NDArray

from anamorph.app.images import as_images
from anamorph.files.photo import Limits, read
from anamorph.models import load

EXTRACTOR = "edgeface_xxs"

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """One unit vector a picture, and who is on it."""

    features: NDArray[np.float32]
    people: NDArray[np.int64]
    """Numbers of the people, counted in the order of their names."""


def embeddings(data: Path = DATA) -> Embedded:
    """Of all aligned faces."""
    pictures = names(data)
    known = sorted({name.rpartition("_")[0] for name in pictures})
    number = {person: i for i, person in enumerate(known)}
    people = np.array([number[name.rpartition("_")[0]] for name in pictures])
    cache = WORK / f"{EXTRACTOR}_lfw.npy"
    if not cache.exists() or len(features := np.load(cache)) != len(pictures):
        features = _read(pictures, data)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, features)
    return Embedded(features=features, people=people)


def _read(pictures: tuple[str, ...], data: Path) -> NDArray[np.float32]:
    model, rows = load(card(EXTRACTOR)), []
    for start in range(0, len(pictures), _BATCH):
        files = extract(pictures[start : start + _BATCH], WORK / "faces", data)
        images = as_images(*(read(f, Limits()).pixels for f in files))
        with torch.no_grad():
            rows.append(torch.nn.functional.normalize(model.output(images)).numpy())
        for file in files:
            file.unlink()
    return np.concatenate(rows)
