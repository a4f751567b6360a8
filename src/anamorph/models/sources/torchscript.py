"""`torchscript:FILE`: a scripted or traced network; gradients flow, layers cannot be tapped."""

import warnings

import torch

from anamorph.errors import ModelError, first_line
from anamorph.models.card import Card
from anamorph.models.sources.built import Built


def build(card: Card) -> Built:
    """Load a TorchScript file.

    Raises:
        ModelError: no such file, or not TorchScript.
    """
    path = card.folder / card.what
    if not path.is_file():
        raise ModelError(f"{card.name}: there is no file {path}; check the source in the card")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a hostile or damaged file makes the parser raise
        raise ModelError(
            f"{card.name}: {path} is not TorchScript ({first_line(error)}); "
            "write it with torch.jit.script(model.eval()).save(FILE)"
        ) from None
    return Built(network=network, card=card, hooks=False)
