"""Noise of the same size: what a protection must beat to be more than noise.

Each control has one size in common with what was done to the very same picture: the largest change
of a value, or the root mean square change. It is rounded to whole levels and clipped to the range
of an 8-bit file, as a protected picture is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.optimize.starts import seed_of

Noise: TypeAlias = Callable[[np.random.Generator, NDArray[np.int16]], NDArray[Any]]
"""Draws noise of the size of a difference, in levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A kind of noise."""

    noise: Noise
    meaning: str
    """In one line, for people."""


def sign_noise(rng: np.random.Generator, difference: NDArray[np.int16]) -> NDArray[Any]:
    """Every value moves by the difference's largest change, up or down."""
    reach = int(np.abs(difference).max())
    return reach * (2 * rng.integers(0, 2, difference.shape) - 1)


def gaussian_noise(rng: np.random.Generator, difference: NDArray[np.int16]) -> NDArray[Any]:
    """Normal noise of the difference's root mean square, that is of its l2 norm."""
    spread = np.sqrt(np.square(difference, dtype=np.float64).mean())
    return np.round(rng.normal(0, spread, difference.shape))


CONTROLS: Mapping[str, Control] = {
    "sign noise": Control(
        noise=sign_noise,
        meaning="every value moved as far as the most protected one of its picture, up or down",
    ),
    "gaussian noise": Control(
        noise=gaussian_noise,
        meaning="normal noise of the same root mean square as the protection of its picture",
    ),
}
"""In the order they are reported."""


def noisy(
    name: str,
    clean: NDArray[np.uint8],
    protected: NDArray[np.uint8],
    seed: int,
    digest: str,
) -> NDArray[np.uint8]:
    """The clean picture with noise in place of the protection; keyed by seed and picture.

    Args:
        name: of the control.
        clean: (h, w, 3).
        protected: of the same shape: how large the noise is to be.
        seed: of the run.
        digest: of the original's pixels.
    """
    rng = np.random.default_rng(seed_of(seed, f"{digest}:{name}"))
    difference = protected.astype(np.int16) - clean
    moved = clean + CONTROLS[name].noise(rng, difference)
    return np.clip(moved, 0, 255).astype(np.uint8)
