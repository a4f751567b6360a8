"""Noise of the same size: what a protection must beat to be more than noise.

Each control has one size in common with what was done to the very same picture: the largest change
of a value, or the root mean square change. The noises themselves stand in `methods.noise`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.methods.noise import gaussian_noise, sign_noise
from anamorph.optimize.starts import seed_of
from anamorph.types import Images, Seeds

Noise: TypeAlias = Callable[[Images, Images, Seeds], Images]
"""Pictures with noise of the size of the change to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A kind of noise."""

    noise: Noise
    meaning: str
    """In one line, for people."""


def as_far(x: Images, like: Images, seeds: Seeds) -> Images:
    """One picture whose values all move as far as the one of `like` that moved most."""
    return sign_noise(x, (like - x).abs().max().item(), seeds)


CONTROLS: Mapping[str, Control] = {
    "sign noise": Control(
        noise=as_far,
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
    seeds = [seed_of(seed, f"{digest}:{name}")]
    out = CONTROLS[name].noise(_planes(clean), _planes(protected), seeds)
    levels: NDArray[np.uint8] = out[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    return levels


def _planes(pixels: NDArray[np.uint8]) -> Images:
    """(1, 3, h, w) in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]
