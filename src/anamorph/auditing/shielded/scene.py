"""The faces that attackers are after, and how near a reconstruction comes to them."""

from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.auditing.hidden.spread import spread
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.shielded.figures import Shown
from anamorph.losses import cosine
from anamorph.metrics.accuracy import NOTHING, Share, share
from anamorph.metrics.identity import rank_one
from anamorph.metrics.image import psnr, ssim
from anamorph.types import Images, Reader

_AT_ONCE = 32


class Scene(NamedTuple):
    """Whoever makes pictures of records is judged by this."""

    faces: Images
    """(n, 3, h, w), those of the attacked records."""
    people: Tensor
    """(n,) a number for each person."""
    seen: Tensor | None
    """(n, k) the judge's readings of the faces; None once it crashed."""
    judge: Witness
    recognizer: Reader
    enrolled: Tensor
    """(n, k) the recognizer's readings of the faces: what the matcher has on file."""
    threshold: float | None
    """The matcher's; None where it is not known."""

    @property
    def chance(self) -> float:
        """The share that blind guessing picks right, on average."""
        same = self.people[:, None] == self.people[None, :]
        return float(same.double().mean())


def scene(
    faces: Images,
    people: Tensor,
    judge: Witness,
    recognizer: Reader,
    enrolled: Tensor,
    threshold: float | None,
) -> Scene:
    """Let the judge look at the faces, and put together what is known of them."""
    seen = judge.readings(torch.split(faces, _AT_ONCE))
    return Scene(faces, people, seen, judge, recognizer, enrolled, threshold)


def shown(scene: Scene, guesses: Images, embeddings: Tensor | None = None) -> Shown:
    """Measure guesses, one for each of the first faces of a scene.

    Args:
        scene: the faces.
        guesses: (m, 3, h, w), m at most the faces; clipped to [0, 1] here.
        embeddings: what is shown to the matcher, where it is not the guessed pictures.
    """
    guesses, m = guesses.clamp(0, 1), len(guesses)
    faces = scene.faces[:m]
    seen = None if scene.seen is None else scene.judge.readings(torch.split(guesses, _AT_ONCE))
    identity, picked = None, NOTHING
    if seen is not None and scene.seen is not None:
        identity = spread(cosine(seen, scene.seen[:m]).tolist())
        right = rank_one(seen, scene.people[:m], scene.seen, scene.people)
        picked = share(int(right.sum()), m)
    if embeddings is None:
        with torch.no_grad():
            parts = [scene.recognizer(part) for part in torch.split(guesses, _AT_ONCE)]
        embeddings = torch.cat(parts)
    found = cosine(embeddings.double(), scene.enrolled[:m].double())
    return Shown(
        ssim=spread(ssim(guesses, faces).tolist()),
        psnr=spread(psnr(guesses, faces).tolist()),
        identity=identity,
        picked=picked,
        matched=spread(found.tolist()),
        replayed=passing(found, scene.threshold),
    )


def passing(cosines: Tensor, threshold: float | None) -> Share:
    """Those above the threshold; nothing where it is not known."""
    if threshold is None:
        return NOTHING
    return share(int((cosines > threshold).sum()), len(cosines))
