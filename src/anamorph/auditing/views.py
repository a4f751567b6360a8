"""The pictures as each model is shown them: clean, protected, after an attack, with noise."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.auditing.controls import CONTROLS, noisy
from anamorph.types import Images

Attack: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A transform or a purifier: (h, w, 3) RGB in, RGB out."""


class View(NamedTuple):
    """Which form of a picture is read."""

    of: str
    """`clean`, `protected`, or the name of a control."""
    under: str = ""
    """The attack; empty for none."""


CLEAN, PROTECTED = View("clean"), View("protected")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """An original and the file made of it, both decoded, of one size."""

    index: int
    """Which picture of the audit it is."""
    clean: NDArray[Any]
    """(h, w, 1 or 3), uint8 or uint16."""
    protected: NDArray[Any]
    digest: str
    """Of the original's pixels; noise is keyed by it."""


class Shown(NamedTuple):
    """A batch of pictures in one form."""

    view: View
    indices: tuple[int, ...]
    images: Images


def views(attacks: Sequence[str], *, controls: bool) -> tuple[View, ...]:
    """All the forms that are read, in their order; the clean one comes first."""
    attacked = [View(of, name) for name in attacks for of in ("clean", "protected")]
    noise = [View(name) for name in CONTROLS] if controls else []
    return (CLEAN, PROTECTED, *attacked, *noise)


def shown(
    batch: Sequence[Pair],
    attacks: Mapping[str, Attack],
    wanted: Sequence[View],
    seed: int,
    problem: Callable[[str], None],
) -> Iterator[Shown]:
    """A batch of pictures in every form, one at a time.

    Args:
        batch: pictures of one size.
        attacks: by name.
        wanted: the forms.
        seed: of the controls' noise.
        problem: told of an attack that cannot take a picture; the picture is left out of that form.
    """
    for view in wanted:
        pictures: dict[int, NDArray[np.float32]] = {}
        for pair in batch:
            try:
                pictures[pair.index] = _planes(_form(pair, view, attacks, seed))
            except Exception as error:  # a codec at its limits: the other pictures stand
                problem(f"{view.under or view.of}: {type(error).__name__}: {error}")
        if pictures:
            images = torch.from_numpy(np.stack(list(pictures.values())))
            yield Shown(view, tuple(pictures), images)


def _form(pair: Pair, view: View, attacks: Mapping[str, Attack], seed: int) -> NDArray[Any]:
    if view.of in CONTROLS:
        return noisy(view.of, rgb8(pair.clean), rgb8(pair.protected), seed, pair.digest)
    pixels = pair.clean if view.of == "clean" else pair.protected
    return attacks[view.under](rgb8(pixels)) if view.under else pixels


def rgb8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Pixels (h, w, 1 or 3) of any depth as (h, w, 3) of 8 bits: what most programs would see.

    Example:
        >>> rgb8(np.full((1, 1, 1), 65535, np.uint16)).tolist()
        [[[255, 255, 255]]]
    """
    if pixels.dtype != np.uint8:
        pixels = np.round(pixels / (np.iinfo(pixels.dtype).max / 255)).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _planes(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """(3, h, w) in [0, 1] of pixels (h, w, 1 or 3)."""
    top = np.float32(np.iinfo(pixels.dtype).max)
    planes = pixels.transpose(2, 0, 1).astype(np.float32) / top
    return np.repeat(planes, 3, axis=0) if len(planes) == 1 else planes
