"""`portraits:NAME`: the small networks that come with the package."""

from importlib import import_module
from pathlib import Path

from anamorph.errors import ModelError
from anamorph.models.card import Card
from anamorph.models.card_file import card_from
from anamorph.models.sources.built import Built


def build(card: Card) -> Built:
    """Take the network and what its own card says; what the user's card says goes first.

    Raises:
        ModelError: no such network.
    """
    portraits = import_module("anamorph.portraits")
    names: tuple[str, ...] = portraits.names()
    if card.what not in names:
        raise ModelError(
            f"portraits has no network {card.what!r}; it has {', '.join(names) or 'none'}"
        )
    network, fields = portraits.build(card.what)
    shipped = card_from(fields, folder=Path(), where=card.source)
    return Built(
        network=network,
        card=card.filled(input=shipped.input, labels=shipped.labels, tap=shipped.tap),
    )
