"""Per-sample losses: a batch of n in, n numbers out; only the engine sums over samples."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from anamorph.types import Images, PerSample


def mse(a: Tensor, b: Tensor) -> PerSample:
    """Mean squared difference of each sample.

    Example:
        >>> mse(torch.zeros(2, 3), torch.tensor([[1.0, 1, 1], [0, 0, 3]])).tolist()
        [1.0, 3.0]
    """
    return F.mse_loss(a, b, reduction="none").mean(tuple(range(1, a.dim())))


def cross_entropy(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> PerSample:
    """Cross-entropy of each sample, in nats."""
    return F.cross_entropy(logits, labels, reduction="none")


def kl_divergence(logits: Float[Tensor, "n k"], wanted: Float[Tensor, "n k"]) -> PerSample:
    """KL(softmax(wanted) || softmax(logits)) of each sample, in nats.

    Example:
        >>> kl_divergence(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 7.0]])).tolist()
        [0.0]
    """
    p, q = F.log_softmax(wanted, dim=1), F.log_softmax(logits, dim=1)
    return (p.exp() * (p - q)).sum(1)


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


def window_variance(images: Images, size: int = 4) -> PerSample:
    """How unevenly the light lies: the variance of all `size` x `size` window sums, over channels.

    Windows overlap (stride 1) and lie inside the picture; the variance is the unbiased one, of each
    picture and channel by itself, and the channels are summed (L_vc of AVIH, Su et al. 2023, whose
    code takes the variance over the whole batch).

    Example:
        >>> window_variance(torch.full((1, 3, 6, 6), 0.5)).item()
        0.0
    """
    sums = F.avg_pool2d(images, size, stride=1) * size**2
    return sums.flatten(2).var(2).sum(1)
