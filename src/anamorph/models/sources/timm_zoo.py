"""`timm:NAME`: any network of timm, with weights from a file or from timm's hub."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from anamorph.errors import MissingExtra, ModelError, first_line
from anamorph.models.card import Card, Input, Interpolation, Resize
from anamorph.models.sources.built import Built
from anamorph.models.torchvision_compat import make_torchvision_importable


def build(card: Card) -> Built:
    """Create the network; without `weights` in the card, with its pretrained ones.

    Raises:
        MissingExtra: timm or torchvision is not installed.
        ModelError: no such network, options it does not know, or weights that cannot be fetched.
    """
    make_torchvision_importable()
    try:
        import timm
    except ImportError:
        raise MissingExtra("timm is not installed; run `pip install 'anamorph[zoo]'`") from None
    if not timm.is_model(card.what):
        nearest = get_close_matches(card.what, timm.list_models(), n=3, cutoff=0.0)
        raise ModelError(f"timm has no network {card.what!r}; nearest: {', '.join(nearest)}")
    pretrained = card.weights is None
    try:
        network = timm.create_model(card.what, pretrained=pretrained, **card.options)
    except Exception as error:  # options reach the network's own code; the hub fails in many ways
        advice = (
            "; if its weights cannot be fetched, name a file of them with `weights =` in a card"
            if pretrained
            else ""
        )
        raise ModelError(
            f"{card.name}: timm cannot create {card.what}: {first_line(error)}{advice}"
        ) from error
    input = card.input or input_of(timm.data.resolve_model_data_config(network))
    return Built(network=network, card=card.filled(input=input))


def input_of(config: Mapping[str, Any]) -> Input:
    """The input settings in a timm data config.

    Example:
        >>> input_of({"input_size": (3, 160, 160), "crop_pct": 0.95, "crop_mode": "center",
        ...           "mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic"}).crop
        0.95
    """
    interpolation: Interpolation = (
        config["interpolation"] if config["interpolation"] in ("bilinear", "nearest") else "bicubic"
    )
    resize: Resize = "squash" if config["crop_mode"] == "squash" else "shortest+crop"
    return Input(
        size=tuple(config["input_size"][-2:]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize=resize,
        crop=config["crop_pct"],
        interpolation=interpolation,
    )
