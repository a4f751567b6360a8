"""Portraits by the number: one picture, labeled arrays, or a folder of files."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anamorph.errors import NotWritten, UsageError
from anamorph.portraits.draw import draw
from anamorph.portraits.face import traits
from anamorph.portraits.scene import EXPRESSIONS, Shot, directed, shot

SMALLEST = 16
LARGEST = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraitSet:
    """Pictures with what is true of each, in the same order."""

    images: NDArray[np.uint8]
    """(n, size, size, 3), sRGB."""
    shots: tuple[Shot, ...]

    @property
    def identities(self) -> NDArray[np.int64]:
        """Who is shown, (n,)."""
        return np.array([s.identity for s in self.shots], np.int64)

    @property
    def expressions(self) -> NDArray[np.int64]:
        """Index into `EXPRESSIONS`, (n,)."""
        return np.array([EXPRESSIONS.index(s.expression) for s in self.shots], np.int64)


def portrait(
    identity: int,
    number: int = 0,
    *,
    size: int = 128,
    expression: str | None = None,
    glasses: bool | None = None,
    hair_style: str | None = None,
) -> NDArray[np.uint8]:
    """A picture of a person who does not exist: (size, size, 3), sRGB, the same on every call.

    Args:
        identity: which person, 0 or above.
        number: which picture of the person, 0 or above: another pose, light, hair and background.
        size: height and width in pixels.
        expression: one of `EXPRESSIONS`; None leaves it to the picture's number.
        glasses: with or without; None leaves it to the picture's number.
        hair_style: one of `HAIR_STYLES`; None leaves it to the picture's number.

    Raises:
        UsageError: for numbers below 0, a size outside 16..2048, or an unknown name.

    >>> portrait(3, 1, size=64).shape
    (64, 64, 3)
    """
    taken = take(identity, number, expression=expression, glasses=glasses, hair_style=hair_style)
    return _picture(taken, size)


def take(
    identity: int,
    number: int = 0,
    *,
    expression: str | None = None,
    glasses: bool | None = None,
    hair_style: str | None = None,
) -> Shot:
    """What `portrait` would paint: everything known about the picture, without painting it."""
    if identity < 0 or number < 0:
        raise UsageError(
            f"portrait {number} of person {identity} does not exist; count both from 0"
        )
    return directed(
        shot(traits(identity), number),
        expression=expression,
        glasses=glasses,
        hair_style=hair_style,
    )


def dataset(identities: Iterable[int], numbers: Iterable[int], *, size: int = 128) -> PortraitSet:
    """Every numbered picture of every person, person by person.

    >>> dataset(range(2), range(3), size=32).identities.tolist()
    [0, 0, 0, 1, 1, 1]
    """
    wanted = tuple(numbers)
    shots = tuple(take(who, number) for who in identities for number in wanted)
    if not shots:
        raise UsageError("a set of portraits needs one person and one number at least; got none")
    return PortraitSet(images=np.stack([_picture(s, size) for s in shots]), shots=shots)


def write_folder(
    folder: Path,
    identities: Iterable[int],
    numbers: Iterable[int],
    *,
    size: int = 128,
    label: str = "identity",
) -> Path:
    """Write portraits as PNG files beside a `labels.csv`, and return that file's path.

    Args:
        folder: made where it does not exist; files of the same names are replaced.
        identities: which people.
        numbers: which pictures of each.
        size: height and width in pixels.
        label: what the column `label` holds, as an index into a model's output: "identity" or
            "expression".

    Raises:
        UsageError: for another label.
        NotWritten: where the folder cannot be written to.
    """
    if label not in ("identity", "expression"):
        raise UsageError(f"label {label!r} does not exist; choose identity or expression")
    portraits = dataset(identities, numbers, size=size)
    labels = portraits.identities if label == "identity" else portraits.expressions
    rows = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for image, s, index in zip(portraits.images, portraits.shots, labels, strict=True):
            name = f"person{s.identity:03d}_{s.shot:03d}.png"
            Image.fromarray(image).save(folder / name)
            rows.append((name, int(index), s.identity, s.expression, s.glasses or "", s.hair_style))
        table = folder / "labels.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("file", "label", "identity", "expression", "glasses", "hair_style"))
            writer.writerows(rows)
    except OSError as error:
        raise NotWritten(f"{folder}: portraits were not written ({error})") from error
    return table


def _picture(taken: Shot, size: int) -> NDArray[np.uint8]:
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"size {size} is outside {SMALLEST}..{LARGEST} pixels")
    return draw(traits(taken.identity), taken, size)
