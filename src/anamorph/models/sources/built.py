"""What a source hands over."""

from dataclasses import dataclass

from torch import nn

from anamorph.models.card import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A network with its weights, and its card with what the source tells filled in."""

    network: nn.Module
    card: Card
    hooks: bool = True
    """Whether layers can be tapped."""


def first_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
