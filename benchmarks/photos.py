"""The photos that benchmarks work on: labeled real ones, and small or large ones of our own."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from anamorph.app.images import as_images
from anamorph.types import Images

MEGAPIXELS_12 = (4000, 3000)
DIFFERENT = 8
"""How many large photos are drawn; the others are links to them under names of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabeledPhoto:
    """A photo with its ImageNet class."""

    path: Path
    label: int


def labeled(folder: Path, first: int, count: int) -> tuple[LabeledPhoto, ...]:
    """Photos of a folder in the order of the CSV beside it (columns `file` and `label`).

    Empty where the folder or the CSV is not there.
    """
    table = folder.with_suffix(".csv")
    if not folder.is_dir() or not table.is_file():
        return ()
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(
        LabeledPhoto(path=folder / row["file"], label=int(row["label"]))
        for row in rows[first : first + count]
    )


def batch(n: int, side: int) -> Images:
    """n square pictures (n, 3, side, side), contiguous: crops of scikit-image's photographs."""
    rng = np.random.default_rng(0)
    photographs = _photographs()
    crops = [_crop(photographs[i % len(photographs)], side, rng) for i in range(n)]
    return torch.cat([as_images(crop) for crop in crops]).contiguous()


def write_large(folder: Path, count: int, size: tuple[int, int] = MEGAPIXELS_12) -> None:
    """Fill a folder with JPEG photos of a camera's size (width, height).

    scikit-image's photographs are enlarged, and noise takes the place of the detail that
    enlarging cannot bring.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photographs = _photographs()
    for i in range(min(count, DIFFERENT)):
        path = folder / f"photo-{i:03}.jpg"
        if not path.exists():
            path.write_bytes(_enlarged(photographs[i % len(photographs)], size, seed=i))
    for i in range(DIFFERENT, count):
        path = folder / f"photo-{i:03}.jpg"
        if not path.exists():
            os.link(folder / f"photo-{i % DIFFERENT:03}.jpg", path)


def write_small(folder: Path, count: int, side: int) -> None:
    """Fill a folder with square PNG pictures, each another part of scikit-image's photographs."""
    folder.mkdir(parents=True, exist_ok=True)
    photographs = _photographs()
    for i in range(count):
        path = folder / f"picture-{i:05}.png"
        if not path.exists():
            crop = _crop(photographs[i % len(photographs)], side, np.random.default_rng(i))
            Image.fromarray(crop).save(path)


def first_of(folder: Path, count: int, suffix: str = "jpg") -> list[Path]:
    """The first pictures of a folder by name."""
    return sorted(folder.glob(f"*.{suffix}"))[:count]


def _photographs() -> list[NDArray[np.uint8]]:
    return [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]


def _crop(photo: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


def _enlarged(photo: NDArray[np.uint8], size: tuple[int, int], seed: int) -> bytes:
    large = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    noise = np.random.default_rng(seed).normal(0, 4, large.shape).astype(np.float32)
    noisy = np.clip(large + noise, 0, 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
