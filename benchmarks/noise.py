"""The control of a protection: noise of the same size, written and read the same way."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.files.encoding import encode
from anamorph.files.photo import read
from anamorph.files.write import write_whole
from anamorph.optimize.starts import seed_of

Noise: TypeAlias = Callable[[np.random.Generator, tuple[int, ...], int], NDArray[Any]]
"""Draws noise of a shape, at most some 8-bit levels high."""


def sign_noise(rng: np.random.Generator, shape: tuple[int, ...], levels: int) -> NDArray[np.int64]:
    """Every value moves by `levels`, up or down: as far as a protected one may."""
    return levels * (2 * rng.integers(0, 2, shape) - 1)


def uniform_noise(
    rng: np.random.Generator, shape: tuple[int, ...], levels: int
) -> NDArray[np.int64]:
    """Every value moves by a whole number of levels, all equally likely."""
    return rng.integers(-levels, levels + 1, shape)


CONTROLS: Mapping[str, Noise] = {"sign noise": sign_noise, "uniform noise": uniform_noise}


def write_noisy(source: Path, output: Path, noise: Noise, levels: int, seed: int) -> None:
    """Write a photo with noise as PNG; the noise follows from the seed and the pixels."""
    photo = read(source)
    rng = np.random.default_rng(seed_of(seed, photo.digest))
    moved = photo.pixels + noise(rng, photo.pixels.shape, levels)
    pixels = np.clip(moved, 0, 255).astype(np.uint8)
    write_whole(output, encode(photo, pixels, metadata="strip"))
