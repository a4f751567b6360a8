"""The job of hiding pictures: read, make ready, optimize, encode, decode again, judge."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.hide.construction import Check, Construction, Original
from anamorph.app.hide.records import HideRecord
from anamorph.app.hide.showing import correlation, likeness, most_correlation, most_likeness
from anamorph.app.images import as_images, room
from anamorph.app.ledger import Entry
from anamorph.errors import FileError
from anamorph.files import notice, png
from anamorph.files.folders import Item
from anamorph.files.lowbits import Fit
from anamorph.files.photo import Limits, content, decode
from anamorph.keys.derive import NONCE_SIZE, subkey
from anamorph.keys.key import Key
from anamorph.losses import cosine
from anamorph.methods.keeping import Keeping
from anamorph.models import Model, Preprocess
from anamorph.models.resample import Axis, resample
from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem
from anamorph.types import Images


@dataclass(frozen=True, slots=True)
class Task:
    """A picture that is to be hidden."""

    item: Item
    name: str
    """Where the original lies in its tree, with `/`."""
    fit: Fit


class Loaded(NamedTuple):
    """An original, made ready."""

    original: Original
    view: Tensor  # what the service model sees of the original
    prepared: Any
    tag: str


class Encoded(NamedTuple):
    """A result as the bytes of a file, and what they decode to."""

    data: bytes
    pixels: NDArray[np.uint8]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """The job of hiding pictures with one effort (a `batch.job.Job`)."""

    service: Model
    keeping: Keeping
    construction: Construction[Any]
    key: Key
    limits: Limits
    out: Path
    attempt: int
    last: bool
    shows: bool = False
    """Whether the construction is known to let the original show: then that is told, not judged."""

    def group(self, task: Task) -> Fit:
        """Size and bits of the hidden picture."""
        return task.fit

    def capacity(self, group: Fit) -> int:
        """As many as make a batch."""
        return room(group.height, group.width)

    def load(self, task: Task) -> Loaded:
        """Read the original; of its pixels only small copies are kept."""
        path = task.item.source
        data = content(path, self.limits)
        if self.construction.fit(task.name, len(data)) != task.fit:
            raise FileError(f"{path}: was changed while it was being hidden; run again")
        x = as_images(decode(data, str(path), self.limits).pixels)
        view = Preprocess(self.service.input)(x)
        original = Original(task.name, data, _squashed(x, task.fit))
        prepared = self.construction.prepare(original, task.fit)
        return Loaded(original, view, prepared, source_tag(sha256(data).hexdigest(), self.key))

    def problem(self, loaded: Sequence[Loaded]) -> Problem[Any]:
        """What the service model is to read in pictures of noise."""
        with torch.no_grad():
            views = torch.cat([one.view for one in loaded]).to(self.service.device)
            clean = self.service.output_of_view(views)
        prepared = [one.prepared for one in loaded]
        target = self.keeping.target(clean)
        return self.construction.problem(self.service.output, target, self.keeping, prepared)

    def write(self, task: Task, loaded: Loaded, solved: Solved) -> Encoded:
        """Encode as a PNG and decode that."""
        name = str(task.item.output)
        pixels = self.construction.pixels(solved.value, loaded.prepared)
        comment = notice.dump(self.construction.notice(loaded.prepared))
        plain = png.encode(pixels, name, icc=b"", exif=b"", xmp=b"")
        data = png.commented(plain, notice.KEYWORD, comment)
        own = Limits(max_bytes=len(data), max_pixels=self.limits.max_pixels)
        return Encoded(data, decode(data, name, own).pixels, solved.steps)

    def judge(
        self, task: Task, loaded: Loaded, written: Encoded, seconds: float
    ) -> Entry[HideRecord] | Task:
        """Check what the file holds: who can read it, and who can't."""
        hidden, shown = as_images(written.pixels), loaded.original.shown
        with torch.no_grad():
            before = self.service.output_of_view(loaded.view)
            after = self.service.output(hidden)
        kept = self.keeping.slack(after, self.keeping.target(before)).item() >= 0
        alike, follows = likeness(shown, hidden), correlation(shown, hidden)
        little = alike <= most_likeness(hidden) and abs(follows) <= most_correlation(hidden)
        check = self.construction.check(written.pixels, loaded.original, loaded.prepared)
        fault = _fault(kept, little or self.shows, check)
        if fault and not self.last:
            return task
        embeds = self.service.task == "embed"
        output = task.item.output
        record = HideRecord(
            source=str(task.item.source),
            output=None if fault else str(output),
            name=None if fault else output.relative_to(self.out).as_posix(),
            status="failed" if fault else "hidden",
            reason=f"{fault} (tried {self.attempt + 1} times)" if fault else "",
            notice=notice.dump(self.construction.notice(loaded.prepared)),
            bits=task.fit.bits,
            prediction_before=None if embeds else self.service.label(int(before.argmax())),
            prediction_after=None if embeds else self.service.label(int(after.argmax())),
            cosine=_finite(cosine(before, after).item()) if embeds else None,
            kept=kept,
            ssim=_finite(alike),
            block_correlation=_finite(follows),
            revealed=not check.fault,
            revealed_psnr=None if check.psnr is None else _finite(check.psnr),
            revealed_ssim=check.ssim,
            other_key_refused=check.other_refused,
            other_key_ssim=check.other_ssim,
            steps=written.steps,
            attempts=self.attempt + 1,
            seconds=seconds,
            source_tag=loaded.tag,
            output_sha256=None if fault else sha256(written.data).hexdigest(),
        )
        return Entry(record, b"" if fault else written.data)

    def failed(self, task: Task, error: Exception) -> Entry[HideRecord]:
        """The record of a picture that an error ended."""
        return Entry(HideRecord(source=str(task.item.source), status="failed").failed(error))


def source_tag(digest: str, key: Key) -> str:
    """Tells the key's owner whether a source is still the same, and tells others nothing.

    A plain digest beside the hidden picture would let anyone confirm a guess at the photo.

    Args:
        digest: SHA-256 of the source's bytes, in hex.
        key: the key it is hidden with.
    """
    return subkey(key, bytes.fromhex(digest)[:NONCE_SIZE], "source").hex()


def _squashed(x: Images, fit: Fit) -> Images:
    height, width = x.shape[-2:]
    rows = Axis(height, fit.height, 0, fit.height)
    columns = Axis(width, fit.width, 0, fit.width)
    return resample(x, rows, columns, "bilinear").clamp_(0, 1).expand(-1, 3, -1, -1)


def _fault(kept: bool, unreadable: bool, check: Check) -> str:
    if check.fault:
        return check.fault
    if not unreadable:
        return "the original shows in the hidden picture"
    if not kept:
        return (
            "the service model does not read the hidden picture as it reads the original; "
            "use --preset full, or another service model"
        )
    return ""


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
