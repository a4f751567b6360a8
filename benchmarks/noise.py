"""The control of a protection: noise of the same size, written and read the same way."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from anamorph.app.images import as_images
from anamorph.files.encoding import encode
from anamorph.files.photo import read
from anamorph.files.write import write_whole
from anamorph.methods.noise import sign_noise, uniform_noise
from anamorph.optimize.starts import seed_of
from anamorph.types import Images, Seeds

Noise: TypeAlias = Callable[[Images, float, Seeds], Images]
"""Pictures with noise at most so high."""

CONTROLS: Mapping[str, Noise] = {"sign noise": sign_noise, "uniform noise": uniform_noise}


def write_noisy(source: Path, output: Path, noise: Noise, levels: int, seed: int) -> None:
    """Write an 8-bit photo with noise as PNG; the noise follows from the seed and the pixels."""
    photo = read(source)
    noisy = noise(as_images(photo.pixels), levels / 255, [seed_of(seed, photo.digest)])
    pixels = noisy[0].permute(1, 2, 0).mul(255).round().numpy().astype(np.uint8)
    write_whole(output, encode(photo, pixels, metadata="strip"))
