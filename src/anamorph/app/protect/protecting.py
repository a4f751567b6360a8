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

from anamorph.app.images import as_images, room
from anamorph.app.protect.judging import Reader, Verdict, verdict
from anamorph.app.protect.posing import Pose
from anamorph.app.protect.results import Outcome, failure
from anamorph.app.protect.surviving import Survival, shared
from anamorph.app.records import PictureRecord
from anamorph.files.encoding import Format, encode
from anamorph.files.folders import Item
from anamorph.files.manifest import file_digest
from anamorph.files.metadata import Metadata
from anamorph.files.photo import Header, Limits, Photo, decode, read
from anamorph.methods.fmd import Wanted
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.keeping import keeping_for
from anamorph.metrics.image import largest_change, psnr, ssim
from anamorph.models import Model
from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem
from anamorph.optimize.starts import seed_of
from anamorph.parameters import check, knob
from anamorph.types import Images


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How results are written.

    Raises:
        ParameterError: a quality outside its range.
    """

    format: Format = "png"
    quality: int = knob(95, "Of JPEG, with the format `keep`.", at_least=1, at_most=100)
    metadata: Metadata = "keep"

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Task:
    """A picture that is to be protected."""

    item: Item
    header: Header
    label: int | None


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A decoded original."""

    photo: Photo
    label: int | None
    source_sha256: str
    before: tuple[Tensor, ...] = ()
    """(1, k) what each model reads in it, from when it is in a batch."""


class Encoded(NamedTuple):
    """A result as the bytes of a file, and what they decode to."""

    data: bytes
    decoded: Photo
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Protecting:
    """The job of protecting pictures with one effort (a `batch.job.Job`)."""

    authorized: Sequence[Model]
    """Those that must read the files, at least one; labels are of the first."""
    parameters: FMD
    pose: Pose
    seed: int
    writing: Writing
    limits: Limits
    attempt: int
    last: bool
    survival: Survival = Survival((), required=True)

    def group(self, task: Task) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (task.header.channels, task.header.height, task.header.width)

    def capacity(self, group: tuple[int, int, int]) -> int:
        """As many as make a batch."""
        _, height, width = group
        return room(height, width)

    def load(self, task: Task) -> Loaded:
        """Decode the original."""
        photo = read(task.item.source, self.limits)
        digest = file_digest(task.item.source)
        return Loaded(photo=photo, label=task.label, source_sha256=digest)

    def problem(self, loaded: Sequence[Loaded]) -> Problem[Any]:
        """Feature map distortion of some pictures of one size."""
        x = as_images(*(one.photo.pixels for one in loaded)).to(self.authorized[0].device)
        seeds = [seed_of(self.seed, f"{one.photo.digest}:{self.attempt}") for one in loaded]
        with torch.no_grad():
            before = [model.output(x) for model in self.authorized]
        least = self.parameters.least_cosine
        keepings = [keeping_for(model.task, least) for model in self.authorized]
        targets = [k.target(output) for k, output in zip(keepings, before, strict=True)]
        for row, one in enumerate(loaded):
            one.before = tuple(output[row : row + 1].cpu() for output in before)
            if one.label is not None:
                targets[0][row] = one.label
        wanted = list(map(Wanted.of, keepings, before, targets))
        return self.pose(x, seeds, wanted, tuple(map(shared, self.survival.forms)))

    def write(self, task: Task, loaded: Loaded, solved: Solved) -> Encoded:
        """Encode as a file and decode that."""
        data = encode(
            loaded.photo,
            _levels(solved.value, loaded.photo.pixels, self.parameters.epsilon),
            format=self.writing.format,
            quality=self.writing.quality,
            metadata=self.writing.metadata,
        )
        own = Limits(max_bytes=len(data), max_pixels=self.limits.max_pixels)
        return Encoded(data, decode(data, str(task.item.output), own), solved.steps)

    def judge(self, task: Task, loaded: Loaded, written: Encoded, seconds: float) -> Outcome | Task:
        """Check what the file holds."""
        x_star = as_images(written.decoded.pixels)
        verdicts = self._verdicts(loaded, x_star)
        first, others = verdicts[0], verdicts[1:]
        x = as_images(loaded.photo.pixels).expand_as(x_star)  # no earlier: it may be large
        change = largest_change(x, x_star).item()
        within = change <= self.parameters.epsilon * 255 + 1e-3 or _is_lossy(loaded, self.writing)
        required = self.survival.required
        losers = [one for one in verdicts if not one.keeps(all_forms=required)]
        good = change > 0 and within and not losers
        if not good and not self.last:
            return task
        survives = {
            form.name: all(one.survives[form.name] for one in verdicts)
            for form in self.survival.forms
        }
        noise = psnr(x, x_star).item()
        record = PictureRecord(
            source=str(task.item.source),
            output=str(task.item.output) if good else None,
            status="protected" if good else "failed",
            reason="" if good else _why(self.attempt + 1, change > 0, within, losers),
            label=task.label,
            prediction_before=first.before,
            prediction_after=first.after,
            cosine=first.cosine,
            kept=first.is_right if first.was_right else None,
            also_kept={one.name: one.is_right for one in others} or None,
            survives=survives or None,
            linf=round(change, 3),
            psnr=noise if math.isfinite(noise) else None,
            ssim=ssim(x, x_star).item(),
            steps=written.steps,
            attempts=self.attempt + 1,
            seconds=seconds,
            source_sha256=loaded.source_sha256,
            output_sha256=sha256(written.data).hexdigest() if good else None,
        )
        return Outcome(record=record, data=written.data if good else b"")

    def _verdicts(self, loaded: Loaded, x_star: Images) -> list[Verdict]:
        """What each authorized model makes of the file."""
        labels = [loaded.label, *(None for _ in self.authorized[1:])]
        readers = map(Reader, self.authorized, loaded.before, labels)
        forms, least = self.survival.forms, self.parameters.least_cosine
        return [verdict(reader, x_star, forms, least) for reader in readers]

    def failed(self, task: Task, error: Exception) -> Outcome:
        """The record of a picture that an error ended."""
        return Outcome(record=failure(task.item.source, error))


def _levels(value: Tensor, original: NDArray[Any], epsilon: float) -> NDArray[Any]:
    """Whole levels of the file nearest to a solution (c, h, w), and within epsilon even so."""
    top = np.iinfo(original.dtype).max
    reach = int(epsilon * top + 1e-6)
    wide = np.int16 if top < 2**15 else np.int32
    around = original.astype(wide)
    nearest = value.permute(1, 2, 0).mul(float(top)).round_().numpy().astype(wide)
    return np.clip(nearest, around - reach, around + reach, out=nearest).astype(original.dtype)


def _why(attempts: int, changed: bool, within: bool, losers: Sequence[Verdict]) -> str:
    if not changed:
        return "nothing was changed: epsilon is less than one level of the file; raise it"
    if not within:
        return "the decoded file exceeds the budget; use a lossless --format"
    loser = min(losers, key=lambda one: one.is_right)
    if loser.is_right:
        return (
            f"{loser.name} did not keep its reading after {loser.lost} in {attempts} attempts; "
            "use a smaller --epsilon or survive less"
        )
    return (
        f"{loser.name} did not keep its reading in {attempts} attempts, each with more "
        "effort than the last; use a lossless --format or a smaller --epsilon"
    )


def _is_lossy(loaded: Loaded, writing: Writing) -> bool:
    return writing.format == "keep" and loaded.photo.format == "jpeg"
