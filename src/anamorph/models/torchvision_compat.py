"""Makes torchvision importable where its native library does not fit the installed torch.

The torchvision wheel of the package index is built for CUDA. Beside the CPU build of torch its
native library cannot load, and the import fails with "operator torchvision::nms does not exist".
Its Python networks need none of that library: two placeholder operators are enough.
"""

import importlib
import importlib.util
import sys
from functools import cache

import torch
from torch import library as operators

from anamorph.errors import MissingExtra

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def make_torchvision_importable() -> None:
    """Import torchvision, with placeholders for its native operators if it fails without them.

    Does nothing to a torchvision that works. May be called any number of times.

    Raises:
        MissingExtra: it is not installed, or cannot be imported even so.
    """
    if importlib.util.find_spec("torchvision") is None:
        raise MissingExtra("torchvision is not installed; run `pip install 'anamorph[zoo]'`")
    try:
        importlib.import_module("torchvision")
    except (RuntimeError, OSError):
        _import_with_placeholders()


def _import_with_placeholders() -> None:
    _forget_torchvision()
    _placeholders()
    try:
        importlib.import_module("torchvision")
    except Exception as error:
        _forget_torchvision()
        raise MissingExtra(
            f"torchvision does not fit torch {torch.__version__} ({str(error).splitlines()[0]}); "
            "install the pair that belongs together, `pip install 'anamorph[zoo]'`"
        ) from None


def _forget_torchvision() -> None:
    """A failed import leaves some of its modules behind, half initialized."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


@cache
def _placeholders() -> operators.Library:
    """Declares the operators for as long as the returned library lives; declared only once."""
    declared = operators.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in OPERATORS:
        if not hasattr(torch.ops.torchvision, operator):
            declared.define(f"{operator}{SCHEMA}")  # type: ignore[no-untyped-call]
    return declared
