"""How well embeddings tell people apart: verification and identification, by cosine."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from anamorph.errors import UsageError
from anamorph.types import PerSampleBool

_ROUNDING = 1e-9  # 0.29 * 100 is 28.999... in binary


def similarities(
    probes: Float[Tensor, "p k"], gallery: Float[Tensor, "g k"]
) -> Float[Tensor, "p g"]:
    """Cosine of every probe with every gallery entry."""
    return F.normalize(probes, dim=1) @ F.normalize(gallery, dim=1).T


def tar_at_far(
    genuine: Float[Tensor, " n"], impostor: Float[Tensor, " m"], far: float
) -> tuple[float, float]:
    """True accept rate at a false accept rate, and the threshold that gives it.

    Accepted is what lies above the threshold: the smallest impostor score that at most `far` of the
    impostors exceed. With fewer than 1 / far impostors none may be accepted, and the rate says
    little.

    Args:
        genuine: similarities of pairs of one person.
        impostor: similarities of pairs of two.
        far: in [0, 1).

    Example:
        >>> import torch
        >>> scores = torch.tensor([0.1, 0.2, 0.3, 0.4])
        >>> tar_at_far(torch.tensor([0.35, 0.9]), scores, far=0.25)
        (1.0, 0.30000001192092896)
        >>> tar_at_far(torch.tensor([0.35, 0.9]), scores, far=0.0)
        (0.5, 0.4000000059604645)

    Raises:
        UsageError: no pairs of one kind, or a rate outside [0, 1).
    """
    if not 0 <= far < 1:
        raise UsageError(f"the false accept rate is {far}, but must be at least 0 and below 1")
    if not len(genuine) or not len(impostor):
        raise UsageError(
            f"{len(genuine)} pairs of one person and {len(impostor)} of two; give some of both"
        )
    allowed = int(far * len(impostor) + _ROUNDING)
    threshold = impostor.sort(descending=True).values[allowed]
    return float((genuine > threshold).double().mean()), float(threshold)


def rank_one(
    probes: Float[Tensor, "p k"],
    people: Int[Tensor, " p"],
    gallery: Float[Tensor, "g k"],
    enrolled: Int[Tensor, " g"],
) -> PerSampleBool:
    """Whether each probe's nearest gallery entry is of the same person.

    Args:
        probes: embeddings to be recognized.
        people: who they are.
        gallery: embeddings on file.
        enrolled: who those are.

    Raises:
        UsageError: an empty gallery.
    """
    if not len(gallery):
        raise UsageError("the gallery is empty; enroll at least one embedding")
    nearest = similarities(probes, gallery).argmax(1)
    return enrolled[nearest] == people
