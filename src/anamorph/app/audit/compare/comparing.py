"""The job of changing pictures in one way: decode, solve, encode, decode again, measure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from anamorph.app.audit.compare.ways import Way
from anamorph.app.images import as_images, room
from anamorph.app.protect.protecting import Encoded, Task
from anamorph.app.protect.results import Outcome, failure
from anamorph.app.records import PictureRecord
from anamorph.errors import FileError
from anamorph.files.encoding import encode
from anamorph.files.manifest import file_digest
from anamorph.files.photo import Limits, Photo, decode, read
from anamorph.metrics.image import largest_change, psnr, ssim
from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem
from anamorph.optimize.starts import seed_of


class Loaded(NamedTuple):
    """A decoded original, and what it is to be like."""

    photo: Photo
    like: Photo
    """The original itself where that does not matter."""
    source_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """The job of changing pictures in one way (a `batch.job.Job`); nothing is tried twice."""

    way: Way
    like: Mapping[Path, Path]
    """By original: the file that the result is to be as far from it as."""
    seed: int
    limits: Limits
    device: torch.device
    """Where pictures are changed."""

    def group(self, task: Task) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (task.header.channels, task.header.height, task.header.width)

    def capacity(self, group: tuple[int, int, int]) -> int:
        """As many as make a batch."""
        _, height, width = group
        return room(height, width)

    def load(self, task: Task) -> Loaded:
        """Decode the original, and the file that it is to be like."""
        source = task.item.source
        photo = read(source, self.limits)
        like = photo
        if self.way.like:
            if source.absolute() not in self.like:
                raise FileError(f"{source}: has no result to take the size of its noise from")
            like = read(self.like[source.absolute()], self.limits)
        return Loaded(photo, like, file_digest(source))

    def problem(self, loaded: Sequence[Loaded]) -> Problem[Any]:
        """Some pictures of one size; seeds are those of a first attempt of `protect`."""
        seeds = [seed_of(self.seed, f"{one.photo.digest}:0") for one in loaded]
        x = as_images(*(one.photo.pixels for one in loaded)).to(self.device)
        like = as_images(*(one.like.pixels for one in loaded)).to(self.device)
        return self.way.posed(x, seeds, like)

    def write(self, task: Task, loaded: Loaded, solved: Solved) -> Encoded:
        """Encode as a PNG file and decode that."""
        original = loaded.photo.pixels
        top = float(np.iinfo(original.dtype).max)
        pixels = solved.value.permute(1, 2, 0).mul(top).round_().numpy().astype(original.dtype)
        data = encode(loaded.photo, pixels, metadata="strip")
        own = Limits(max_bytes=len(data), max_pixels=self.limits.max_pixels)
        return Encoded(data, decode(data, str(task.item.output), own), solved.steps)

    def judge(self, task: Task, loaded: Loaded, written: Encoded, seconds: float) -> Outcome:
        """Measure what the file holds; who reads it is found later."""
        x, x_star = as_images(loaded.photo.pixels), as_images(written.decoded.pixels)
        x = x.expand_as(x_star)
        noise = psnr(x, x_star).item()
        record = PictureRecord(
            source=str(task.item.source),
            output=str(task.item.output),
            status="protected",
            linf=largest_change(x, x_star).item(),
            psnr=noise if math.isfinite(noise) else None,
            ssim=ssim(x, x_star).item(),
            steps=written.steps,
            attempts=1,
            seconds=seconds,
            source_sha256=loaded.source_sha256,
            output_sha256=sha256(written.data).hexdigest(),
        )
        return Outcome(record=record, data=written.data)

    def failed(self, task: Task, error: Exception) -> Outcome:
        """The record of a picture that an error ended."""
        return Outcome(record=failure(task.item.source, error))
