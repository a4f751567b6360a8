"""Per-sample losses: a batch of n in, n numbers out; only the engine sums over samples."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from anamorph.types import PerSample


def mse(a: Tensor, b: Tensor) -> PerSample:
    """Mean squared difference of each sample.

    Example:
        >>> mse(torch.zeros(2, 3), torch.tensor([[1.0, 1, 1], [0, 0, 3]])).tolist()
        [1.0, 3.0]
    """
    return (a - b).square().flatten(1).mean(1)


def cross_entropy(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> PerSample:
    """Cross-entropy of each sample, in nats."""
    return F.cross_entropy(logits, labels, reduction="none")


def margin(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> PerSample:
    """How far the labeled class leads the best other one, in logits; negative when it trails.

    Example:
        >>> margin(torch.tensor([[1.0, 4.0, 2.0]]), torch.tensor([1])).tolist()
        [2.0]
    """
    own = logits.gather(1, labels[:, None]).squeeze(1)
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return own - others.amax(1)


def cosine(a: Float[Tensor, "n k"], b: Float[Tensor, "n k"]) -> PerSample:
    """Cosine of the angle between two embeddings, in [-1, 1]."""
    return F.cosine_similarity(a, b, dim=1)
