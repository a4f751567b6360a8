"""What authorized models still read in a written file."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.adversaries.transforms import Transform
from anamorph.app.protect.surviving import shared
from anamorph.losses import cosine
from anamorph.methods.keeping import keeping_for
from anamorph.models import Model
from anamorph.types import Images


class Reader(NamedTuple):
    """An authorized model and what it read in the original."""

    model: Model
    before: Tensor  # (1, k)
    label: int | None
    """What it is to read; without it, what it read."""


class Verdict(NamedTuple):
    """What one authorized model makes of a file."""

    name: str
    before: str | int | None
    """Its answer on the original, None of embeddings."""
    after: str | int | None
    cosine: float | None
    """Between the readings before and after, of embeddings."""
    was_right: bool
    is_right: bool
    survives: dict[str, bool]
    """Whether it reads each form right, by its name."""

    @property
    def lost(self) -> str:
        """The forms after which it reads the file wrongly."""
        return ", ".join(name for name, read in self.survives.items() if not read)

    def keeps(self, *, all_forms: bool) -> bool:
        """Whether a reading that was right is right, in all forms if that is required."""
        held = self.is_right and not (all_forms and self.lost)
        return held or not self.was_right


def verdict(
    reader: Reader, x_star: Images, forms: Sequence[Transform], least_cosine: float
) -> Verdict:
    """What one model makes of a file.

    Args:
        reader: the model and what it read in the original.
        x_star: (1, c, h, w) the decoded file.
        forms: what may happen to the file that the reading should survive.
        least_cosine: the smallest cosine that counts as kept, for embeddings.
    """
    model, before, label = reader
    keeping = keeping_for(model.task, least_cosine)
    with torch.no_grad():
        after = model.output(x_star)
        formed = {form.name: model.output(shared(form)(x_star)) for form in forms}
    wanted = keeping.target(before) if label is None else torch.tensor([label])

    def right(output: Tensor) -> bool:
        return keeping.slack(output, wanted).item() >= 0

    embeds = model.task == "embed"
    return Verdict(
        name=model.name,
        before=None if embeds else model.label(int(before.argmax())),
        after=None if embeds else model.label(int(after.argmax())),
        cosine=cosine(before, after).item() if embeds else None,
        was_right=label is None or right(before),
        is_right=right(after),
        survives={name: right(output) for name, output in formed.items()},
    )
