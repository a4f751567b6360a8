"""The job of protecting pictures: decode, distort, encode, decode again, judge."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.records import PictureRecord
from anamorph.app.results import Outcome, failure
from anamorph.files.encoding import Format, encode
from anamorph.files.folders import Item
from anamorph.files.manifest import file_digest
from anamorph.files.metadata import Metadata
from anamorph.files.photo import Header, Limits, Photo, decode, read
from anamorph.losses import cosine
from anamorph.methods.fmd import FMD, fmd
from anamorph.methods.keeping import Keeping
from anamorph.metrics.image import largest_change, psnr, ssim
from anamorph.models import Model
from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem
from anamorph.optimize.starts import seed_of
from anamorph.types import Images

BATCH_PIXELS = 4_000_000
"""Pixels in one batch: bounds its memory. A larger picture makes a batch by itself."""

LARGEST_BATCH = 16
"""More pictures at once gain nothing on a CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How results are written."""

    format: Format = "png"
    quality: int = 95
    """Of JPEG, with the format `keep`."""
    metadata: Metadata = "keep"


@dataclass(frozen=True, slots=True)
class Task:
    """A picture that is to be protected."""

    item: Item
    header: Header
    label: int | None


class Loaded(NamedTuple):
    """A decoded original."""

    photo: Photo
    x: Tensor  # (1, c, h, w)
    label: int | None
    source_sha256: str


class Encoded(NamedTuple):
    """A result as the bytes of a file, and what they decode to."""

    data: bytes
    decoded: Photo
    solved: Solved


@dataclass(frozen=True, slots=True, kw_only=True)
class Protecting:
    """The job of protecting pictures with one effort (a `batch.job.Job`)."""

    model: Model
    keeping: Keeping
    parameters: FMD
    seed: int
    writing: Writing
    limits: Limits
    attempt: int
    last: bool

    def group(self, task: Task) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (task.header.channels, task.header.height, task.header.width)

    def capacity(self, group: tuple[int, int, int]) -> int:
        """As many as make a batch of `BATCH_PIXELS`."""
        _, height, width = group
        return max(1, min(LARGEST_BATCH, BATCH_PIXELS // (height * width)))

    def load(self, task: Task) -> Loaded:
        """Decode the original."""
        photo = read(task.item.source, self.limits)
        x = as_images(photo.pixels)
        return Loaded(photo, x, task.label, file_digest(task.item.source))

    def problem(self, loaded: Sequence[Loaded]) -> Problem[Any]:
        """Feature map distortion of some pictures of one size."""
        x = torch.cat([one.x for one in loaded])
        seeds = [seed_of(self.seed, f"{one.photo.digest}:{self.attempt}") for one in loaded]
        labels = [one.label for one in loaded if one.label is not None]
        target = torch.tensor(labels) if len(labels) == len(loaded) else None
        return fmd(self.model, x, self.keeping, seeds, self.parameters, target)

    def write(self, task: Task, loaded: Loaded, solved: Solved) -> Encoded:
        """Encode as a file and decode that."""
        kind = loaded.photo.pixels.dtype
        levels = solved.value.permute(1, 2, 0).mul(float(np.iinfo(kind).max)).round_()
        data = encode(
            loaded.photo,
            levels.numpy().astype(kind),
            format=self.writing.format,
            quality=self.writing.quality,
            metadata=self.writing.metadata,
        )
        own = Limits(max_bytes=len(data), max_pixels=self.limits.max_pixels)
        return Encoded(data, decode(data, str(task.item.output), own), solved)

    def judge(self, task: Task, loaded: Loaded, written: Encoded, seconds: float) -> Outcome | Task:
        """Check what the file holds."""
        x, x_star = loaded.x, as_images(written.decoded.pixels)
        with torch.no_grad():
            before, after = self.model.output(x), self.model.output(x_star)
        own = self.keeping.target(before)
        wanted = own if task.label is None else torch.tensor([task.label])
        was_right = task.label is None or self.keeping.slack(before, wanted).item() >= 0
        is_right = self.keeping.slack(after, wanted).item() >= 0
        x = x.expand_as(x_star)
        change = largest_change(x, x_star).item()
        within = change <= self.parameters.epsilon * 255 + 1e-3 or _is_lossy(loaded, self.writing)
        good = within and (is_right or not was_right)
        if not good and not self.last:
            return task
        embeds = self.model.task == "embed"
        noise = psnr(x, x_star).item()
        record = PictureRecord(
            source=str(task.item.source),
            output=str(task.item.output) if good else None,
            status="protected" if good else "failed",
            reason="" if good else _why(self.attempt + 1, within=within),
            label=task.label,
            prediction_before=None if embeds else self.model.label(int(before.argmax())),
            prediction_after=None if embeds else self.model.label(int(after.argmax())),
            cosine=cosine(before, after).item() if embeds else None,
            kept=is_right if was_right else None,
            linf=change,
            psnr=noise if math.isfinite(noise) else None,
            ssim=ssim(x, x_star).item(),
            steps=written.solved.steps,
            attempts=self.attempt + 1,
            seconds=seconds,
            source_sha256=loaded.source_sha256,
            output_sha256=sha256(written.data).hexdigest() if good else None,
        )
        return Outcome(record=record, data=written.data if good else b"")

    def failed(self, task: Task, error: Exception) -> Outcome:
        """The record of a picture that an error ended."""
        return Outcome(record=failure(task.item.source, error))


def as_images(pixels: NDArray[Any]) -> Images:
    """Decoded pixels (h, w, c) as a batch of one picture (1, c, h, w) in [0, 1]."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(planes).div_(float(np.iinfo(pixels.dtype).max))[None]


def _why(attempts: int, *, within: bool) -> str:
    if not within:
        return "the decoded file exceeds the budget; use a lossless --format"
    return (
        f"the authorized model did not keep its reading in {attempts} attempts, each with more "
        "effort than the last; use a lossless --format or a smaller --epsilon"
    )


def _is_lossy(loaded: Loaded, writing: Writing) -> bool:
    return writing.format == "keep" and loaded.photo.format == "jpeg"
