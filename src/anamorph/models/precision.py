"""A model in bfloat16: near enough for the steps to a picture, not for the last look at it."""

import copy
import time
from dataclasses import replace

import torch
from torch import nn

from anamorph.models.glance import REFUSALS
from anamorph.models.model import Model
from anamorph.models.preprocess import example
from anamorph.types import Precision

_GAIN = 1.2
"""How much faster a shorter number format must be to be worth its rounding."""

_PROBES = 3


def in_precision(model: Model, precision: Precision) -> Model:
    """The model, or one that computes in bfloat16 and answers in the pictures' numbers.

    The model itself where it cannot, or, with `auto`, where that is no faster here.
    """
    if precision == "float32":
        return model
    try:
        short = _shortened(model)
        _there_and_back(short)
    except REFUSALS:
        return model
    return model if precision == "auto" and _GAIN * _seconds(short) > _seconds(model) else short


def _shortened(model: Model) -> Model:
    folded = model.folded
    return replace(
        model,
        network=_short(model.network),
        folded=folded and folded._replace(network=_short(folded.network)),
    )


def _short(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).to(torch.bfloat16)


def _seconds(model: Model) -> float:
    """Of the fastest of a few passes there and back, after one to warm up."""
    return min([_there_and_back(model) for _ in range(1 + _PROBES)][1:])


def _there_and_back(model: Model) -> float:
    """Seconds of a reading and its gradient to the picture."""
    began = time.perf_counter()
    with torch.enable_grad():
        x = example(model.input).to(model.device).requires_grad_()
        (gradient,) = torch.autograd.grad(model.output(x).sum(), x)
        float(gradient.sum())  # waits for a GPU
    return time.perf_counter() - began
