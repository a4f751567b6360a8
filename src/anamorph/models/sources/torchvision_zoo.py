"""`torchvision:NAME`: any classifier of torchvision, with weights from a file or its hub."""

import math
from difflib import get_close_matches
from typing import Any

from anamorph.errors import ModelError, first_line
from anamorph.models.card import Card, Input
from anamorph.models.sources.built import Built
from anamorph.models.torchvision_compat import make_torchvision_importable


def build(card: Card) -> Built:
    """Create the network; without `weights` in the card, with its default pretrained ones.

    Raises:
        MissingExtra: torchvision is not installed or does not work.
        ModelError: no such network, options it does not know, or weights that cannot be fetched.
    """
    make_torchvision_importable()
    from torchvision import models

    if card.what not in models.list_models():
        nearest = get_close_matches(card.what, models.list_models(), n=3, cutoff=0.0)
        raise ModelError(f"torchvision has no network {card.what!r}; nearest: {', '.join(nearest)}")
    default = models.get_model_weights(card.what).DEFAULT
    try:
        network = models.get_model(card.what, weights=None, **_quiet(card))
        if card.weights is None:
            network.load_state_dict(default.get_state_dict(check_hash=True, weights_only=True))
    except Exception as error:  # options reach the network's own code; the hub fails in many ways
        advice = (
            "; if its weights cannot be fetched, name a file of them with `weights =` in a card"
            if card.weights is None
            else ""
        )
        raise ModelError(
            f"{card.name}: torchvision cannot create {card.what}: {first_line(error)}{advice}"
        ) from error
    transforms = default.transforms()
    return Built(
        network=network,
        card=card.filled(
            input=input_of(transforms) if hasattr(transforms, "crop_size") else None,
            labels=tuple(default.meta["categories"]) if card.weights is None else (),
        ),
    )


def _quiet(card: Card) -> dict[str, Any]:
    """The options, without the slow random weights that some networks warn about."""
    quiet = {"init_weights": False} if card.what in ("googlenet", "inception_v3") else {}
    return {**quiet, **card.options}


def input_of(transforms: Any) -> Input:
    """The input settings in the transforms that belong to a set of weights.

    They resize the shorter side to `resize_size` and crop `crop_size` from the center.
    """
    size, resized = transforms.crop_size[0], transforms.resize_size[0]
    return Input(
        size=(size, size),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        resize="shortest+crop",
        crop=kept(size, resized),
        interpolation="bicubic" if transforms.interpolation.value == "bicubic" else "bilinear",
    )


def kept(size: int, resized: int) -> float:
    """The crop that makes `int(size / crop)` exactly `resized`.

    Example:
        >>> int(224 / kept(224, 232))
        232
    """
    crop = size / resized
    return crop if int(size / crop) == resized else math.nextafter(crop, 0)
