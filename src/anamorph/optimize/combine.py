"""Rules that turn the gradients of named terms into one."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from anamorph.optimize.rows import Rows, shaped
from anamorph.optimize.steps import mean_magnitude
from anamorph.optimize.terms import Terms
from anamorph.types import PerSample


class Combine(Protocol):
    """How terms are weighed against each other, per sample."""

    def init(self, start: Tensor) -> Rows:
        """The state before the first step."""
        ...

    def gradient(self, terms: Terms, z: Tensor, state: Rows) -> tuple[Tensor, Rows]:
        """The gradient at z, and the next state."""
        ...

    def value(self, terms: Terms) -> PerSample:
        """What is better among points that pass the check."""
        ...


@dataclass(frozen=True, slots=True)
class Sum:
    """The gradient of the sum of the terms, as in the papers."""

    def init(self, start: Tensor) -> Rows:
        """No state."""
        return None

    def gradient(self, terms: Terms, z: Tensor, state: Rows) -> tuple[Tensor, Rows]:
        """dJ/dz."""
        (g,) = torch.autograd.grad(terms.total.sum(), z)
        return g, None

    def value(self, terms: Terms) -> PerSample:
        """J."""
        return terms.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Constrained:
    """One term is a constraint: its weight grows while the check passes by too little.

    g = g_goal / mean|g_goal| + w * g_constraint / mean|g_constraint|, with
    w <- min(w * grow, most) where slack < comfort, else max(w * shrink, least), per sample;
    where nobody looked, w stays and the constraint has no gradient.
    """

    constraint: str
    comfort: float
    grow: float = 2.0
    shrink: float = 0.5
    least: float = 0.01
    most: float = 20.0

    def init(self, start: Tensor) -> Rows:
        """w = 1."""
        return start.new_ones(len(start))

    def gradient(self, terms: Terms, z: Tensor, state: Rows) -> tuple[Tensor, Rows]:
        """Both gradients from one forward pass, normalized apart."""
        goal = self.value(terms).sum()
        (g,) = torch.autograd.grad(goal, z, retain_graph=True)
        g = g.div_(mean_magnitude(g))
        constraint = terms.parts[self.constraint]
        if not constraint.requires_grad:  # nobody looked at any sample
            return g, state
        (g_c,) = torch.autograd.grad(constraint.sum(), z)
        slack = terms.slack if terms.slack is not None else torch.full_like(state, self.comfort)
        w = torch.where(
            slack.detach() < self.comfort,
            (state * self.grow).clamp_max(self.most),
            (state * self.shrink).clamp_min(self.least),
        )
        w = torch.where(slack.isnan(), state, w)
        g_c = g_c / mean_magnitude(g_c)  # before the weight: a zero gradient must stay zero
        return g.addcmul_(g_c, shaped(w, z)), w

    def value(self, terms: Terms) -> PerSample:
        """The sum of the other terms."""
        rest = [v for name, v in terms.parts.items() if name != self.constraint]
        return torch.stack(rest).sum(0)
