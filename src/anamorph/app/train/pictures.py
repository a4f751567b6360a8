"""Pictures of faces at a recognizer's size, in memory: to learn from, or to serve as decoys."""

from pathlib import Path
from typing import NamedTuple

import torch

from anamorph.app.images import as_images
from anamorph.app.runs import pictures_to_read
from anamorph.app.train.shadow_training import Pictures
from anamorph.errors import AnamorphError, UsageError
from anamorph.files.folders import Sources
from anamorph.files.photo import Limits, read
from anamorph.models import Model
from anamorph.models.preprocess import whole_view
from anamorph.models.resample import resample
from anamorph.types import Images

MOST_PICTURES = 4000
"""Of more than these, evenly chosen ones are taken: they, or their features, stay in memory."""

_NO_RESULTS = Path("never written to")


class Seen(NamedTuple):
    """Pictures that could be read, in the order of their paths."""

    pictures: Pictures
    """As large as the recognizer wants them, in 8 bits and three colors."""
    sources: list[Path]
    skipped: list[str]
    """Why others could not be read."""


def seen_by(recognizer: Model, sources: Sources, out: Path = _NO_RESULTS) -> Seen:
    """Read pictures and folders of them.

    Args:
        recognizer: whose size they get.
        sources: pictures and folders.
        out: where results go, which are no pictures to read.

    Raises:
        UsageError: none can be read.
    """
    given = pictures_to_read(sources, out)
    skipped = [str(problem.error) for problem in given.problems]
    every = -(-len(given.pictures) // MOST_PICTURES) or 1
    found, where = [], []
    for source in sorted(given.pictures)[::every]:
        try:
            found.append(sized(as_images(read(source, Limits()).pixels), recognizer))
            where.append(source)
        except AnamorphError as error:
            skipped.append(str(error))
    if not found:
        raise UsageError(f"no picture can be read: {skipped[0]}")
    return Seen(torch.cat(found), where, skipped)


def sized(x: Images, recognizer: Model) -> Pictures:
    """Pictures at the recognizer's size, in 8 bits and three colors; transparency is dropped."""
    rows, columns = whole_view(x.shape[-2], x.shape[-1], recognizer.input)
    small = resample(x[:, :3], rows, columns, "bilinear").expand(-1, 3, -1, -1)
    return small.mul(255).round_().clamp_(0, 255).to(torch.uint8)
