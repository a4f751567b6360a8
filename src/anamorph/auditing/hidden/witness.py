"""A model that took no part in hiding, asked whether it sees the same in two pictures."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from anamorph.auditing.parties import Party
from anamorph.types import Images


@dataclass(slots=True, kw_only=True)
class Witness:
    """Reads pictures until it crashes, and is asked no more then."""

    party: Party
    errors: list[str] = field(default_factory=list)

    @property
    def embeds(self) -> bool:
        """Whether its readings can be compared by their cosine."""
        return self.party.task == "embed"

    def readings(self, pictures: Iterable[Images]) -> Tensor | None:
        """(n, k), each picture by itself as a user's model would read it; None once it crashed.

        Args:
            pictures: (1, c, h, w) each.
        """
        if self.errors:
            return None
        try:
            with torch.no_grad():
                return torch.cat([self.party.output(one).double() for one in pictures])
        except Exception as error:  # whatever the network raises: its row will say so
            self.errors.append(f"{type(error).__name__}: {error}")
            return None
