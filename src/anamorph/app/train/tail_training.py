"""Offline mode: the rest of a recognizer learns to read protected features.

    minimize  1 - cos(R'(z'), R(z)) + 1 - cos(R'(z), R(z))     over the weights of R' behind the cut

z' are protected features, z the same people's clean ones, R the recognizer as it is. The recognizer
changes, which the plain mode never asks for; stored embeddings and thresholds stay in use, since
the new answers are drawn to the old ones.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.errors import UsageError
from anamorph.losses import cosine
from anamorph.models.split import Split
from anamorph.parameters import check, knob

Watch: TypeAlias = Callable[[float], None]
"""Called after each update with the loss before it; raise to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailTraining:
    """How a tail is fine-tuned."""

    updates: int = knob(300, "Updates of the weights.", at_least=1)
    batch: int = knob(8, "Features in each, once protected and once clean.", at_least=1)
    rate: float = knob(5e-4, "First learning rate; it falls by half a cosine.", above=0)
    clean_weight: float = knob(0.5, "Weight of the answer to clean features.", at_least=0)
    seed: int = knob(0, "Of the order of the features.", at_least=0)

    def __post_init__(self) -> None:
        check(self)


def fine_tuned(
    cut: Split,
    clean: Tensor,
    protected: Tensor,
    p: TailTraining | None = None,
    watch: Watch | None = None,
) -> Split:
    """A recognizer whose tail reads protected features; the one given stays as it is.

    Norms keep their statistics, and the head its weights.

    Args:
        cut: the recognizer.
        clean: (n, ...) features of people who are not in the store.
        protected: (n, ...) the same, protected.
        p: how.
        watch: called after each update.

    Raises:
        UsageError: no features, or as many clean as protected ones there are not.
    """
    if not len(clean) or clean.shape != protected.shape:
        raise UsageError(
            f"clean features {tuple(clean.shape)} and protected ones {tuple(protected.shape)} are "
            "no pairs to learn from; give one for each"
        )
    p = p or TailTraining()
    network = deepcopy(cut.model.network)
    changed = replace(cut, model=replace(cut.model, network=network, folded=None))
    weights = _behind(network, changed, clean[:1].float())
    rule = torch.optim.Adam(weights, lr=p.rate)
    for number in range(p.updates):
        for group in rule.param_groups:
            group["lr"] = p.rate * (1 + math.cos(math.pi * number / p.updates)) / 2
        chance = np.random.default_rng([p.seed, number])
        rows = torch.from_numpy(chance.integers(len(clean), size=p.batch))
        z, z_prime = clean[rows].float(), protected[rows].float()
        with torch.no_grad():
            e = cut.tail(z)
        with torch.enable_grad():
            loss = (1 - cosine(changed.tail(z_prime), e)).mean()
            if p.clean_weight:
                loss = loss + p.clean_weight * (1 - cosine(changed.tail(z), e)).mean()
            rule.zero_grad()
            torch.autograd.backward(loss)
        rule.step()
        if watch is not None:
            watch(loss.item())
    network.requires_grad_(False)
    return changed


def _behind(network: nn.Module, cut: Split, feature: Tensor) -> list[nn.Parameter]:
    """The weights that the answer to a feature depends on, ready to be trained."""
    network.requires_grad_()
    with torch.enable_grad():
        answer = cut.tail(feature).sum()
    every = list(network.parameters())
    gradients = torch.autograd.grad(answer, every, allow_unused=True)
    for weight, gradient in zip(every, gradients, strict=True):
        weight.requires_grad_(gradient is not None)
    return [weight for weight in every if weight.requires_grad]
