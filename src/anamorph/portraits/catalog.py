"""The small models that come with the package: their names, their cards, how well they read."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from anamorph.errors import UsageError

_CARDS = files("anamorph.portraits").joinpath("cards")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How well a model reads portraits it was never trained on."""

    clean: float
    """Share read right, in [0, 1]."""
    n: int
    """Number of portraits."""


def names() -> tuple[str, ...]:
    """The models there are, sorted: what `portraits:NAME` accepts.

    >>> "identity-vgg" in names()
    True
    """
    cards = (card.name for card in _CARDS.iterdir())
    return tuple(sorted(card.removesuffix(".toml") for card in cards if card.endswith(".toml")))


def card(name: str) -> dict[str, Any]:
    """The fields of a model's card.

    Raises:
        UsageError: for a name that is not in `names()`.
    """
    fields = _read(name)
    del fields["accuracy"]  # measured of the model, and no part of a model card
    return fields


def accuracy(name: str) -> Accuracy:
    """How well a model did when it was made.

    Raises:
        UsageError: for a name that is not in `names()`.
    """
    return Accuracy(**_read(name)["accuracy"])


def _read(name: str) -> dict[str, Any]:
    if name not in names():
        raise UsageError(f"portraits:{name} does not exist; choose one of {', '.join(names())}")
    return tomllib.loads(_CARDS.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
