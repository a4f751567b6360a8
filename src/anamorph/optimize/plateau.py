"""Momentum with a step that shrinks where a sample keeps getting worse."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.optimize.rows import Rows, shaped
from anamorph.optimize.steps import mean_magnitude
from anamorph.types import PerSample

_FIRST_COMPARED = 2
"""The step, counted from 0, whose loss is the first to be compared, as in AVIH's code."""


class Descent(NamedTuple):
    """What the rule remembers of each sample."""

    mean: Tensor  # m
    step_size: PerSample  # alpha
    rises: Tensor  # (n,) since alpha shrank
    loss: PerSample  # of the step before
    age: Tensor  # (n,) steps taken


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkingMomentum:
    """m <- mu * m + g / mean|g|; alpha * m, with alpha <- shrink * alpha after `patience` rises.

    Rises of the loss are counted, in a row or not (the step rule of AVIH, Su et al. 2023).
    """

    step_size: float  # alpha
    decay: float  # mu
    patience: int
    shrink: float

    def init(self, start: Tensor) -> Rows:
        """m = 0, and no rises."""
        numbers, counts = start.new_zeros(len(start)), start.new_zeros(len(start)).long()
        return Descent(
            mean=torch.zeros_like(start),
            step_size=numbers + self.step_size,
            rises=counts,
            loss=numbers,
            age=counts,
        )

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Accumulate the normalized gradient, move along it, then look at the loss."""
        mean = gradient.div_(mean_magnitude(gradient)).add_(state.mean, alpha=self.decay)
        move = mean * shaped(state.step_size, mean)
        rises = state.rises + ((loss > state.loss) & (state.age >= _FIRST_COMPARED))
        late = rises >= self.patience
        return move, Descent(
            mean=mean,
            step_size=torch.where(late, state.step_size * self.shrink, state.step_size),
            rises=rises.masked_fill(late, 0),
            loss=loss,
            age=state.age + 1,
        )
