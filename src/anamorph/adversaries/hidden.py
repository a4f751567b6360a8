"""Attackers on hidden pictures who have pairs: k originals beside the pictures that hide them.

Each learns from the pairs and says what unseen hidden pictures hide. Together they cover what a key
that served several pictures gives away: where every value went (correlation), any linear map
(ridge regression), any local map (a convolutional decoder). Against a key for each picture there is
nothing to learn, and none of them does better than `by_mean`, who looks at no hidden picture.
"""

from collections.abc import Callable, Mapping
from math import ceil, prod, sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from anamorph.errors import UsageError
from anamorph.losses import mse
from anamorph.types import Images

RIDGE = 0.01
"""Of the linear attacker, times the mean squared size of a hidden picture."""

MOST_SCORES = 2_000_000_000
"""Of the correlation attacker, who compares every value with every other: those of 122 x 122."""

_ROWS = 512  # values of the originals that are looked for at once: their scores take some 80 MB
_WIDTHS = (32, 64)
_BATCH = 8
_LEARNING_RATE = 2e-3
_TINY = 1e-12


class Pairs(NamedTuple):
    """What an attacker has."""

    hidden: Images
    originals: Images


Attacker: TypeAlias = Callable[[Pairs, Images], Images]
"""From pairs and unseen hidden pictures to guesses at what these hide, values in [0, 1]."""


def by_mean(pairs: Pairs, unseen: Images) -> Images:
    """The control: the mean of the known originals, whatever the hidden picture is.

    Raises:
        UsageError: as all attackers: no pairs, or as many originals as hidden pictures there are
            not.
    """
    _check(pairs)
    return pairs.originals.mean(0, keepdim=True).expand(len(unseen), -1, -1, -1)


def by_correlation(pairs: Pairs, unseen: Images, most_scores: int = MOST_SCORES) -> Images:
    """Each value of the original from the one hidden value that follows it best.

    x_i = mean x_i + r_ij (h_j - mean h_j) s_i / s_j,  j = argmax |r_ij|,  s: spread over pairs

    Undoes a secret order with secret signs that served all the pairs.

    Args:
        pairs: at least two.
        unseen: hidden pictures of the same size.
        most_scores: r_ij that are computed. Of originals that would take more, every second pixel
            is looked for, or every third, and the others lie between these.
    """
    _check(pairs, least=2)
    step = ceil(sqrt(pairs.originals[0].numel() * pairs.hidden[0].numel() / most_scores))
    coarse = pairs.originals[..., ::step, ::step]
    hidden, originals = pairs.hidden.flatten(1), coarse.flatten(1)
    mean_h, mean_x = hidden.mean(0), originals.mean(0)
    size_h, units_h = _units(hidden - mean_h)
    size_x, units_x = _units(originals - mean_x)
    looked_at = (unseen.flatten(1) - mean_h) / size_h
    guess = mean_x.repeat(len(unseen), 1)
    for first in range(0, units_x.shape[1], _ROWS):
        rows = slice(first, first + _ROWS)
        scores = units_x[:, rows].T @ units_h
        found = scores.abs_().argmax(1)
        slope = (units_x[:, rows] * units_h[:, found]).sum(0) * size_x[rows]
        guess[:, rows] += slope * looked_at[:, found]
    found_there = guess.view(-1, *coarse.shape[1:]).clamp_(0, 1)
    height, width = pairs.originals.shape[-2:]
    return found_there if step == 1 else _between(found_there, step, height, width)


def by_ridge(pairs: Pairs, unseen: Images, ridge: float = RIDGE) -> Images:
    """Any linear map from all the values of a hidden picture to all those of the original.

    Solved among the pairs: x = mean x + (h - mean h) H^T (H H^T + r I)^-1 X, r relative to the
    diagonal's mean.
    """
    _check(pairs)
    mean_h, mean_x = pairs.hidden.mean(0), pairs.originals.mean(0)
    known = (pairs.hidden - mean_h).flatten(1)
    products = known @ known.T
    products.diagonal().add_(ridge * products.diagonal().mean() + _TINY)
    weights: Tensor = torch.linalg.solve(products, (pairs.originals - mean_x).flatten(1))
    guess: Tensor = (unseen - mean_h).flatten(1) @ known.T @ weights
    return (guess.view(-1, *mean_x.shape) + mean_x).clamp_(0, 1)


def by_decoder(pairs: Pairs, unseen: Images, batches: int | None = None, seed: int = 0) -> Images:
    """Any local map: a convolutional network trained on the pairs to minimize the squared error.

    It sees some 30 pixels around each. What it outputs is added to the mean of the originals.

    Args:
        pairs: what it is trained on.
        unseen: hidden pictures of the same size.
        batches: of 8 pairs each that it is trained on; None: 100 to 400, 4 for every pair.
        seed: of its first weights, and of the order of the pairs.
    """
    _check(pairs)
    if batches is None:
        batches = min(400, max(100, 4 * len(pairs.hidden)))
    rng = np.random.default_rng(seed)
    network, mean = _decoder(rng), pairs.originals.mean(0)

    def guess(hidden: Images) -> Tensor:
        height, width = hidden.shape[-2:]
        around: Tensor = network(hidden - 0.5)[..., :height, :width]
        return around + mean

    rule = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    with torch.enable_grad():
        for _ in range(batches):
            rows = torch.from_numpy(rng.integers(0, len(pairs.hidden), _BATCH))
            loss = mse(guess(pairs.hidden[rows]), pairs.originals[rows]).mean()
            rule.zero_grad()
            torch.autograd.backward(loss)
            rule.step()
    with torch.no_grad():
        guesses = [guess(one) for one in unseen[:, None]]
    return torch.cat(guesses).clamp_(0, 1)


ATTACKERS: Mapping[str, Attacker] = {
    "mean": by_mean,
    "correlation": by_correlation,
    "linear": by_ridge,
    "convolutional": by_decoder,
}
"""By name; `mean` is the control."""


def _decoder(rng: np.random.Generator) -> nn.Sequential:
    """Down twice by strides, up twice by repetition: (n, 3, h, w) to no less than that."""
    thin, wide = _WIDTHS
    with torch.device("meta"):  # no start from the global generator
        network = nn.Sequential(
            nn.Conv2d(3, thin, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(thin, wide, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(wide, thin, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(thin, 3, 3, padding=1),
        )
    network.to_empty(device="cpu")
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(_first_weights(tuple(weights.shape), rng))
    return network


def _first_weights(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Uniform, of the size that keeps activations alive (He et al. 2015); zero for biases."""
    if len(shape) == 1:
        return torch.zeros(shape)
    reach = sqrt(6 / prod(shape[1:]))
    return torch.from_numpy(rng.uniform(-reach, reach, shape))


def _between(coarse: Images, step: int, height: int, width: int) -> Images:
    """Pictures of which pixels 0, step, 2 step... are given, and the others lie between these."""
    reached = [(side - 1) * step + 1 for side in coarse.shape[-2:]]
    filled = functional.interpolate(coarse, size=reached, mode="bilinear", align_corners=True)
    beyond = (0, width - reached[1], 0, height - reached[0])
    return functional.pad(filled, beyond, mode="replicate")


def _units(centered: Tensor) -> tuple[Tensor, Tensor]:
    """The root of each column's sum of squares, and the columns over it."""
    size = centered.norm(dim=0).clamp_min(_TINY)
    return size, centered / size


def _check(pairs: Pairs, least: int = 1) -> None:
    hidden, originals = len(pairs.hidden), len(pairs.originals)
    if hidden != originals or hidden < least:
        raise UsageError(
            f"{hidden} hidden pictures and {originals} originals are no pairs to learn from; give "
            f"one original for each, {least} at least"
        )
