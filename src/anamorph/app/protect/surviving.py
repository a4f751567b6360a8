"""Forms of a shared file that authorized models are to read still: recompressed, resized."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.adversaries.gradients import with_gradient
from anamorph.adversaries.transforms import TRANSFORMS, Transform, transforms_named
from anamorph.errors import UsageError
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.forms import Shared
from anamorph.types import Images

WISHED = "jpeg75"
"""What most services that pass pictures on do to them; trying for it takes no further pass."""

NONE = "none"
"""The name that stands for no form at all."""

_TRIED = 16
"""Side of the picture that tells whether a form keeps the size."""


class Survival(NamedTuple):
    """Forms of the shared file in which the reading is looked after too."""

    forms: tuple[Transform, ...]
    required: bool
    """Whether a file that is lost in one of them fails; else that is reported only."""


def survival(names: Sequence[str] | None, p: FMD) -> Survival:
    """The forms of some names, required; without names the wished one, unless `p.plain`.

    Raises:
        UsageError: `none` beside others; or as `forms_named`.

    Example:
        >>> survival(None, FMD()).required, survival(["none"], FMD()).forms
        (False, ())
    """
    if names is None:
        return Survival(() if p.plain else forms_named([WISHED]), required=False)
    if NONE in names and set(names) != {NONE}:
        raise UsageError(
            f"{', '.join(names)}: to survive {NONE} and others exclude each other; leave out one"
        )
    return Survival(() if NONE in names else forms_named(names), required=True)


def forms_named(names: Sequence[str]) -> tuple[Transform, ...]:
    """The forms of some names, each once.

    Raises:
        UsageError: there is none of that name, or it changes the size, so that no gradient goes
            through.

    Example:
        >>> [form.name for form in forms_named(["jpeg75", "jpeg75"])]
        ['jpeg75']
    """
    forms = transforms_named(tuple(dict.fromkeys(names))) if names else ()
    flat = np.zeros((_TRIED, _TRIED, 3), np.uint8)
    for form in forms:
        if form(flat).shape != flat.shape:
            known = ", ".join(n for n, t in TRANSFORMS.items() if t(flat).shape == flat.shape)
            raise UsageError(f"{form.name}: changes the size; choose to survive among {known}")
    return forms


def shared(form: Transform) -> Shared:
    """What a form makes of a batch: each picture by itself, as 8-bit pixels; with a gradient."""

    def t(x: Images) -> Images:
        return torch.stack([_changed(one, form) for one in x])

    return with_gradient(form.name, t)


def _changed(picture: Tensor, form: Transform) -> Tensor:
    levels: NDArray[np.uint8] = picture.mul(255).round_().byte().permute(1, 2, 0).cpu().numpy()
    gray = levels.shape[2] == 1
    pixels = form(np.repeat(levels, 3, axis=2) if gray else levels)
    after = torch.from_numpy(pixels).permute(2, 0, 1).to(picture).div_(255)
    return after[:1] if gray else after
