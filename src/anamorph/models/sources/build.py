"""Builds the network of a card."""

from collections.abc import Callable, Mapping
from importlib import import_module

from anamorph.errors import CardError, ModelError
from anamorph.models.card import Card
from anamorph.models.sources.built import Built
from anamorph.models.weights import load_weights

MODULES: Mapping[str, str] = {
    "timm": "timm_zoo",
    "torchvision": "torchvision_zoo",
    "hf": "hugging_face",
    "portraits": "portraits",
    "pt2": "exported",
    "onnx": "onnx_network",
    "torchscript": "torchscript",
    "python": "factory",
}
"""The module of this folder that builds each kind of source with its function `build`."""


def build(card: Card) -> Built:
    """The network of a card with its weights, on the CPU.

    Raises:
        CardError: a source of no known kind, or one that needs an [input] table and has none.
        ModelError: the source cannot build it.
        WeightsError: the weights do not fit.
    """
    if card.kind not in MODULES:
        raise CardError(
            f"{card.name}: source is {card.source!r}, expected one of {', '.join(MODULES)}"
        )
    module = import_module(f"anamorph.models.sources.{MODULES[card.kind]}")
    from_source: Callable[[Card], Built] = module.build
    built = from_source(card)
    if card.weights is not None:
        load_weights(built.network, card.weights)
    if built.card.input is None:
        raise CardError(
            f"{card.name}: {card.source} does not tell how it wants its pictures; "
            "add an [input] table with size, mean and std to the card"
        )
    if card.tap and not built.hooks:
        raise ModelError(
            f"{card.name}: layers of {card.source} cannot be tapped; "
            "remove `tap`, or export the network with torch.export and use pt2:FILE"
        )
    return built
