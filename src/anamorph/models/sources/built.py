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
    digest: str | None = None
    """Names the weights, where the file they are in does so better than their tensors."""
