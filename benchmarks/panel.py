"""What models answer on photos before and after, read from the files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from benchmarks.intervals import mean_share, share
from numpy.typing import NDArray

from anamorph.app.images import as_images
from anamorph.files.photo import read
from anamorph.metrics.image import largest_change, psnr, ssim
from anamorph.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A labeled photo and the file that was made of it."""

    source: Path
    output: Path
    label: int


def right(models: Sequence[Model], files: Sequence[tuple[Path, int]]) -> NDArray[np.bool_]:
    """Which model reads which file as its label: (files, models).

    Files are read one by one and at their own resolution, as a user's model would.
    """
    answers = np.zeros((len(files), len(models)), dtype=bool)
    with torch.no_grad():
        for row, (path, label) in enumerate(files):
            picture = as_images(read(path).pixels)
            answers[row] = [int(model.output(picture).argmax()) == label for model in models]
    return answers


def accuracy(
    authorized: Sequence[Model], panel: Sequence[Model], pairs: Sequence[Pair], *, seed: int
) -> dict[str, Any]:
    """How well the authorized models and the panel read the files that were made.

    `kept` is the share of the pictures that a model reads right when clean which it still reads
    right; the panel's mean of it is the figure of a protection, lower is better.
    """
    models = [*authorized, *panel]
    before = right(models, [(pair.source, pair.label) for pair in pairs])
    after = right(models, [(pair.output, pair.label) for pair in pairs])
    rows = [
        {
            "name": model.name,
            "clean": share(before[:, i]),
            "protected": share(after[:, i]),
            "kept": share(after[:, i], among=before[:, i]),
        }
        for i, model in enumerate(models)
    ]
    rng = np.random.default_rng(seed)
    others = slice(len(authorized), None)
    everything = np.ones_like(before[:, others])
    return {
        "authorized": rows[0],
        **({"also_authorized": rows[1 : others.start]} if len(authorized) > 1 else {}),
        "panel": rows[others],
        "panel_clean_mean": mean_share(before[:, others], everything, rng),
        "panel_protected_mean": mean_share(after[:, others], everything, rng),
        "panel_kept_mean": mean_share(after[:, others], before[:, others], rng),
    }


def quality(pairs: Sequence[Pair]) -> dict[str, Any]:
    """How far the files are from their originals, measured on decoded pixels."""
    figures = []
    for pair in pairs:
        x, x_star = (as_images(read(path).pixels) for path in (pair.source, pair.output))
        figures.append([m(x, x_star).item() for m in (psnr, ssim, largest_change)])
    return summary(*zip(*figures, strict=True))


def summary(
    psnrs: Sequence[float], ssims: Sequence[float], changes: Sequence[float]
) -> dict[str, Any]:
    """Mean and median PSNR (dB) and SSIM, and the largest change in 8-bit levels."""
    return {
        "psnr_mean": round(fmean(psnrs), 3),
        "psnr_median": round(median(psnrs), 3),
        "ssim_mean": round(fmean(ssims), 4),
        "ssim_median": round(median(ssims), 4),
        "linf_max": round(max(changes), 3),
    }
