"""The value of an objective at one point, term by term."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from anamorph.types import PerSample, PerSampleBool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Named summands of an objective, each one number per sample."""

    parts: Mapping[str, PerSample]
    """The summands with the paper's own signs and weights: they add up to J."""
    slack: PerSample | None = None
    """By how much the check passes: at least zero is a pass, NaN where nobody looked. None: there
    is no check."""
    score: PerSample | None = None
    """What is better among points that pass, where the terms change in turns and cannot tell; in
    the objective's sense. None: what the combining rule says of the terms."""

    @property
    def total(self) -> PerSample:
        """J, the paper's objective."""
        return torch.stack(tuple(self.parts.values())).sum(0)

    @property
    def passes(self) -> PerSampleBool:
        """Which samples pass the check."""
        if self.slack is None:
            return torch.ones_like(self.total, dtype=torch.bool)
        return self.slack >= 0
