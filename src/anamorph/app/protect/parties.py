"""Who takes part in a run of `protect`: the models that keep reading, and the surrogates."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from anamorph.errors import ModelError, UsageError
from anamorph.models import Model, load

Given: TypeAlias = Model | str | Path
"""A model, a card, or a spec such as `timm:resnet18`."""


def loaded(given: Given | Sequence[Given], device: str) -> list[Model]:
    """One model, or several, in their order.

    Raises:
        ModelError: one cannot be loaded.
    """
    several = [given] if isinstance(given, Model | str | Path) else given
    return [one if isinstance(one, Model) else load(one, device=device) for one in several]


def check_models(authorized: Sequence[Model], surrogates: Sequence[Model]) -> None:
    """Refuse models that cannot take part.

    Raises:
        UsageError: no authorized model, one of them twice or among the surrogates, or models on
            several devices.
        ModelError: a model has no layer to tap.
    """
    if not authorized:
        raise UsageError("there is no authorized model; give at least one")
    for model in (*authorized, *surrogates):
        _check_model(model)
        if model.device != authorized[0].device:
            raise UsageError(
                f"{model.name} is on {model.device}, but {authorized[0].name} is on "
                f"{authorized[0].device}; load them on one device"
            )
    for i, model in enumerate(authorized):
        for other in authorized[:i]:
            _check_apart(model, other)
    own = {model.weights_digest for model in authorized}
    for surrogate in surrogates:
        if surrogate.weights_digest in own:
            raise UsageError(
                f"{surrogate.name}: is an authorized model, so it cannot be a surrogate too; "
                "give another model"
            )


def _check_apart(model: Model, other: Model) -> None:
    if model.weights_digest == other.weights_digest:
        raise UsageError(f"{model.name}: is authorized twice; name it once")
    if model.name == other.name:
        raise UsageError(
            f"{model.name}: two authorized models have this name; give one another name in its card"
        )


def _check_model(model: Model) -> None:
    if model.task == "detect":
        raise ModelError(
            f"{model.name}: detectors cannot be used here; give a model with the task classify or "
            "embed"
        )
    if not model.taps:
        raise ModelError(
            f"{model.name}: has no layer to tap, which feature map distortion needs; "
            "give an nn.Module, a timm, torchvision, hf or pt2 source, or a card with `tap`"
        )
