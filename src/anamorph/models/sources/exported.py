"""`pt2:FILE`: a network exported with `torch.export.save`."""

import warnings

import torch

from anamorph.errors import ModelError, first_line
from anamorph.models.card import Card
from anamorph.models.sources.built import Built
from anamorph.models.sources.pt2_archive import clean


def build(card: Card) -> Built:
    """Load an exported program and give its layers their names back, so that they can be tapped.

    Raises:
        ModelError: no such file, or not an exported program.
    """
    path = card.folder / card.what
    if not path.is_file():
        raise ModelError(f"{card.name}: there is no file {path}; check the source in the card")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = torch.export.unflatten(torch.export.load(clean(path)))
    except Exception as error:  # whatever a hostile or damaged file makes the parser raise
        raise ModelError(
            f"{card.name}: {path} is not an exported program that is safe to load "
            f"({first_line(error)}); write it with torch.export.save(torch.export.export(...))"
        ) from None
    return Built(network=network, card=card)
