"""Faces of people with several pictures, taken out of their archive for the length of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from benchmarks.places import DATA

ARCHIVE = Path("faces", "lfw_aligned112.zip")
"""Below the folder of real data: aligned faces of 112 x 112, named PERSON_NUMBER.jpg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with at least two pictures."""

    enrolled: str
    """The picture for the gallery."""
    probe: str
    """Another one, to find the first by."""


def has_faces(data: Path = DATA) -> bool:
    """Whether the archive is there."""
    return (data / ARCHIVE).is_file()


def names(data: Path = DATA) -> tuple[str, ...]:
    """The names of all pictures, sorted."""
    with ZipFile(data / ARCHIVE) as archive:
        return tuple(sorted(name for name in archive.namelist() if name.endswith(".jpg")))


def people(pictures: Sequence[str], count: int) -> tuple[Person, ...]:
    """Evenly chosen people with at least two pictures: the first is enrolled, the second probes.

    Example:
        >>> people(["A_0001.jpg", "A_0003.jpg", "B_0001.jpg"], 5)
        (Person(enrolled='A_0001.jpg', probe='A_0003.jpg'),)
    """
    several = [shots for shots in _by_person(pictures).values() if len(shots) > 1]
    count = min(count, len(several))
    chosen = (several[i * len(several) // count] for i in range(count))
    return tuple(Person(enrolled=shots[0], probe=shots[1]) for shots in chosen)


def one_each(pictures: Sequence[str], count: int) -> tuple[str, ...]:
    """The first picture of each of some people: fewer of them are always the first of more.

    Example:
        >>> sorted(one_each(["A_0001.jpg", "A_0003.jpg", "B_0001.jpg"], 5))
        ['A_0001.jpg', 'B_0001.jpg']
    """
    shots = list(_by_person(pictures).values())
    order = np.random.default_rng(0).permutation(len(shots))[:count]
    return tuple(shots[i][0] for i in order)


def extract(wanted: Iterable[str], folder: Path, data: Path = DATA) -> list[Path]:
    """Take pictures out of the archive; those that are in the folder already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with ZipFile(data / ARCHIVE) as archive:
        for name in wanted:
            path = folder / name
            if not path.exists():
                path.write_bytes(archive.read(name))
            paths.append(path)
    return paths


def _by_person(pictures: Sequence[str]) -> dict[str, list[str]]:
    shots: dict[str, list[str]] = {}
    for name in sorted(pictures):
        shots.setdefault(name.rpartition("_")[0], []).append(name)
    return shots
