"""The rows of the shield benchmark on stored embeddings: why they need a key."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from benchmarks.shield_data import as_images
from benchmarks.shield_scene import Scene
from benchmarks.shield_work import SECRET, protected, seeds, trained
from torch import Tensor
from torch.nn import functional as F

from anamorph.adversaries.reconstruct import inverted, noise_like
from anamorph.app.shield.advface import adversarial, spread_of
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.losses import cosine
from anamorph.metrics.identity import similarities, tar_at_far
from anamorph.models import Model

_SHADOW, _UNSEEN = "mlp", ("convolutional", "ridge")
_RATE = 2e-3


def advface_on_embeddings(scene: Scene) -> dict[str, Any]:
    """AdvFace on final embeddings, beside noise of its size, against decoders that are retrained.

    The roles are turned: the judge's embeddings are stored, and the recognizer judges.
    """
    known = Pairs(_read(scene.judge, scene.known.pictures), scene.known.pictures)
    stored = _read(scene.judge, scene.stored.pictures)
    asked = _read(scene.judge, scene.faces.pictures(scene.faces.probes))
    decoders = {kind: _trained(scene, kind, known, "plain") for kind in (_SHADOW, *_UNSEEN)}
    shielding = adversarial([decoders[_SHADOW]], secret=SECRET)
    half, cost = protected("embedding", shielding, stored)
    records = half.float()
    spread = spread_of(decoders[_SHADOW])
    noisy = stored + noise_like(records - stored, spread, "gaussian", seeds(len(stored)))
    theirs, _ = protected("embedding-known", shielding, known.features)
    learned = Pairs(theirs.float(), known.pictures)
    noise = noise_like(learned.features - known.features, spread, "gaussian", seeds(len(theirs), 1))
    learned_noise = Pairs(known.features + noise, known.pictures)
    attacks: dict[str, Any] = {}
    for kind, decoder in decoders.items():
        attacks[f"{kind}, clean"] = _shown(scene, decoder, stored)
        attacks[kind] = _shown(scene, decoder, records)
        attacks[f"{kind}, gaussian noise"] = _shown(scene, decoder, noisy)
    for kind in _UNSEEN:
        adapted = _trained(scene, kind, learned, "protected")
        attacks[f"{kind} retrained"] = _shown(scene, adapted, records)
        adapted = _trained(scene, kind, learned_noise, "noisy")
        attacks[f"{kind} retrained, gaussian noise"] = _shown(scene, adapted, noisy)
    return {
        "cpu_ms_each": cost,
        "attacks": attacks,
        "replay": {
            "clean": _replayed(scene, stored, stored, asked),
            "protected": _replayed(scene, records, stored, asked),
            "gaussian noise": _replayed(scene, noisy, stored, asked),
        },
    }


EMBEDDING_ROWS: Mapping[str, Callable[[Scene], dict[str, Any]]] = {
    "advface on embeddings": advface_on_embeddings
}


def _trained(scene: Scene, kind: str, pairs: Pairs, what: str) -> Any:
    p = ShadowTraining(kind=kind, updates=scene.sizes.updates, rate=_RATE, seed=5)
    return trained(f"edgeface-{what}-{kind}", pairs, p)


def _read(model: Model, pictures: Tensor) -> Tensor:
    """Unit embeddings."""
    with torch.no_grad():
        return F.normalize(torch.cat([model.output(part) for part in as_images(pictures)]), dim=1)


def _shown(scene: Scene, decoder: Callable[[Tensor], Tensor], records: Tensor) -> dict[str, Any]:
    rows = scene.attacked
    originals = torch.cat(as_images(scene.stored.pictures[rows]))
    with torch.no_grad():
        guesses = torch.cat([decoder(part) for part in torch.split(records[rows], 32)])
    return {"none": scene.judged(guesses, originals, scene.recognizer)}


def _replayed(scene: Scene, records: Tensor, stored: Tensor, asked: Tensor) -> dict[str, Any]:
    """Who is let in by a picture made of a record, at the matcher's clean threshold."""
    rows = scene.attacked[: scene.sizes.inverted]
    guesses = inverted(scene.judge.output, records[rows], scene.judge.input.size)
    with torch.no_grad():
        seen = scene.judge.output(guesses)
    theirs = scene.two_people()
    scores = similarities(stored, asked)
    _, threshold = tar_at_far(scores[~theirs], scores[theirs], 1e-3)
    found = cosine(seen, stored[rows])
    share = (found > threshold).double().mean().item()
    return {"replayed": round(share, 4), "n": len(rows), "cosine": round(found.mean().item(), 4)}
