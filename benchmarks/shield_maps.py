"""The rows of the shield benchmark on stored feature maps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from benchmarks.shield_data import answers, as_images
from benchmarks.shield_scene import SHADOWS, UNSEEN, Scene
from benchmarks.shield_work import SECRET, protected, seeds, trained
from torch import Tensor

from anamorph.adversaries.reconstruct import CLEANINGS, LAWS, inverted, noise_like
from anamorph.app.shield.advface import AdvFaceShielding, adversarial
from anamorph.app.shield.decoy import DecoyShielding, disguising
from anamorph.app.train.shadow_training import Pairs, reestimated
from anamorph.app.train.tail import OFFLINE
from anamorph.app.train.tail_training import TailTraining, fine_tuned
from anamorph.methods.advface import AdvFace
from anamorph.models.networks.decoders import Decoder
from anamorph.templates.role import Shielding

_FINE_TUNED = 400  # updates of a decoder that learns on
_TAIL_PAIRS, _TAIL_SHARE = 1000, 5  # updates of a decoder for one of the tail
_SLOWER = 0.3  # of the rate from scratch


def clean(scene: Scene) -> dict[str, Any]:
    """No protection: what decoders show, how the matcher does."""
    return {
        "attacks": {k: _decoded(scene, k, scene.stored.features) for k in (*SHADOWS, *UNSEEN)},
        "matching": scene.matching(scene.enrolled),
    }


def references(scene: Scene) -> dict[str, Any]:
    """What says nothing: the mean face, and somebody else's photo."""
    originals = torch.cat(as_images(scene.stored.pictures[scene.attacked]))
    mean = torch.cat(as_images(scene.known.pictures)).mean(0, keepdim=True)
    others = torch.cat(as_images(scene.known.pictures[: len(originals)]))
    return {
        "attacks": {
            "mean face": {"none": scene.judged(mean.expand_as(originals), originals)},
            "impostor": {"none": scene.judged(others, originals)},
        }
    }


def advface_online(scene: Scene) -> dict[str, Any]:
    """AdvFace as it is: unseen decoders, with every cleaning, beside noise of the same size."""
    records, cost = protected("advface", _advface(scene), scene.stored.features)
    figures = _stored(scene, records, cost)
    z = scene.stored.features[scene.attacked].float()
    change = records[scene.attacked].float() - z
    for law in LAWS:
        noisy = z + noise_like(change, scene.spread, law, seeds(len(z)))
        figures["attacks"] |= {
            f"{kind}, {law} noise": scene.attack(scene.decoder(kind), noisy) for kind in UNSEEN
        }
    return figures


def advface_offline(scene: Scene) -> dict[str, Any]:
    """A larger change, and a tail that has learned to read it."""
    shielding = _advface(scene, OFFLINE)
    records, cost = protected("advface", shielding, scene.stored.features)
    taught = scene.known.features[:_TAIL_PAIRS]
    p = TailTraining(updates=max(1, scene.sizes.updates // _TAIL_SHARE))
    tail = fine_tuned(scene.cut, taught, protected("advface-known", shielding, taught)[0], p)
    online = scene.matching(answers(scene.cut, records))
    figures = _stored(scene, records, cost, matching=False)
    asked = answers(tail, scene.asked_maps)
    figures["matching"] = scene.matching(answers(tail, records), asked)
    return {**figures, "matching before fine-tuning": online}


def advface_adaptive(scene: Scene) -> dict[str, Any]:
    """Attackers who have k protected records with their pictures."""
    return {"attacks": _adaptive(scene, _advface(scene), "advface", scene.sizes.counts)}


def decoys(scene: Scene) -> dict[str, Any]:
    """Decoy re-synthesis against all attackers, beside the attack on the plain embedding."""
    shielding = _decoy(scene)
    records, cost = protected("decoy", shielding, scene.stored.features)
    figures = _stored(scene, records, cost)
    figures["attacks"] |= _adaptive(scene, shielding, "decoy", scene.sizes.counts)
    return figures


def from_embeddings(scene: Scene) -> dict[str, Any]:
    """What the plain embedding tells: decoders trained on it, and inversion of the recognizer."""
    rows = scene.attacked
    pairs = Pairs(answers(scene.cut, scene.known.features), scene.known.pictures)
    attacks: dict[str, Any] = {}
    for kind in ("ridge", "mlp", "convolutional"):
        p = replace(scene.training("unet"), kind=kind, width=32, rate=2e-3)
        decoder = trained(f"embedding-{kind}", pairs, p)
        attacks[kind] = {"none": _of_embeddings(scene, decoder, scene.enrolled[rows])}
    few = rows[: scene.sizes.inverted]
    size = scene.recognizer.input.size
    guesses = inverted(scene.recognizer.output, scene.enrolled[few], size)
    originals = torch.cat(as_images(scene.stored.pictures[few]))
    attacks["inversion"] = {"none": scene.judged(guesses, originals)}
    return {"attacks": attacks}


def from_maps(scene: Scene) -> dict[str, Any]:
    """Who has the recognizer's weights searches for a picture with this map: nothing is learned."""
    few = scene.attacked[: scene.sizes.inverted]
    originals = torch.cat(as_images(scene.stored.pictures[few]))
    clean_maps = scene.stored.features[few]
    attacks = {}
    for name, shielding in (("advface", _advface(scene)), ("decoy", _decoy(scene))):
        records, _ = protected(f"{name}-inverted", shielding, clean_maps)
        attacks[name] = {"none": _searched(scene, records, originals)}
    return {"attacks": {"clean": {"none": _searched(scene, clean_maps, originals)}, **attacks}}


def statistics(scene: Scene) -> dict[str, Any]:
    """The batch norms of the shadows: running, of each map by itself, estimated anew."""
    shadows = [scene.decoder(kind) for kind in SHADOWS]
    some = scene.known.features[:200]
    first, _ = protected("advface-known", _advface(scene), some)
    ways = {
        "running": adversarial(shadows, statistics="running", secret=SECRET),
        "own": adversarial(shadows, statistics="own", secret=SECRET),
        "re-estimated": adversarial(
            [reestimated(s, first) for s in shadows], statistics="running", secret=SECRET
        ),
        "one shadow": adversarial(shadows[:1], statistics="running", secret=SECRET),
    }
    clean_maps = scene.stored.features[scene.attacked]
    attacks = {}
    for name, shielding in ways.items():
        records, _ = protected("ablation", shielding, clean_maps)
        for kind in UNSEEN:
            attacks[f"{kind}, {name}"] = scene.attack(scene.decoder(kind), records)
    return {"attacks": attacks}


MAP_ROWS: Mapping[str, Callable[[Scene], dict[str, Any]]] = {
    "clean": clean,
    "references": references,
    "advface online": advface_online,
    "advface offline": advface_offline,
    "advface adaptive": advface_adaptive,
    "decoy": decoys,
    "plain embedding": from_embeddings,
    "maps searched for": from_maps,
    "statistics": statistics,
}


def _advface(scene: Scene, p: AdvFace | None = None) -> AdvFaceShielding:
    return adversarial([scene.decoder(kind) for kind in SHADOWS], p, secret=SECRET)


def _decoy(scene: Scene) -> DecoyShielding:
    """Decoys are people who are not in the store."""
    return disguising(scene.recognizer, scene.known.pictures[:64], layer=scene.layer, secret=SECRET)


def _stored(
    scene: Scene, records: Tensor, cost: float | None, *, matching: bool = True
) -> dict[str, Any]:
    """Decoders of clean maps on a store of protected ones."""
    figures: dict[str, Any] = {
        "cpu_ms_each": None if cost is None else round(cost, 1),
        "attacks": {kind: _decoded(scene, kind, records) for kind in UNSEEN},
    }
    if matching:
        figures["matching"] = scene.matching(answers(scene.cut, records))
    return figures


def _decoded(scene: Scene, kind: str, records: Tensor) -> dict[str, Any]:
    return scene.attack(scene.decoder(kind), records, tuple(CLEANINGS))


def _adaptive(
    scene: Scene, shielding: Shielding, name: str, counts: Sequence[int]
) -> dict[str, Any]:
    """From scratch, and from the decoder of clean maps, with k records each."""
    records, _ = protected(name, shielding, scene.stored.features)
    found = {}
    for k in counts:
        k = min(k, len(scene.known.features))
        theirs, _ = protected(f"{name}-known", shielding, scene.known.features[:k])
        pairs = Pairs(theirs, scene.known.pictures[:k])
        for kind in ("unet", "residual"):
            p = scene.training(kind)
            decoder = trained(f"{name}-{kind}-scratch", pairs, p)
            found[f"{kind} from scratch, k {k}"] = scene.attack(decoder, records)
        p = replace(
            scene.training("unet"),
            updates=min(_FINE_TUNED, scene.sizes.updates),
            rate=_SLOWER * scene.training("unet").rate,
        )
        decoder = trained(f"{name}-unet-tuned", pairs, p, scene.decoder("unet"))
        found[f"unet fine-tuned, k {k}"] = scene.attack(decoder, records)
    return found


def _searched(scene: Scene, records: Tensor, originals: Tensor) -> dict[str, Any]:
    def read(images: Tensor) -> Tensor:
        return scene.cut.head(images).flatten(1)

    guesses = inverted(read, records.float().flatten(1), scene.recognizer.input.size)
    return scene.judged(guesses, originals)


def _of_embeddings(scene: Scene, decoder: Decoder, embeddings: Tensor) -> dict[str, Any]:
    originals = torch.cat(as_images(scene.stored.pictures[scene.attacked]))
    with torch.no_grad():
        return scene.judged(decoder(embeddings), originals)
