"""Attackers on stored features, each tried on the records and on the clean features beside them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional as F

from anamorph.adversaries.known_pairs import laid_over, turned_back
from anamorph.adversaries.reconstruct import CLEANINGS, LAWS, Reconstructor, inverted, noise_like
from anamorph.auditing.shielded.figures import Attempt, Group
from anamorph.auditing.shielded.scene import Scene, shown
from anamorph.errors import Cancelled
from anamorph.methods.spread import Spread
from anamorph.optimize.engine import Watch
from anamorph.types import Images, Reader

MEANINGS: Mapping[str, str] = {
    "none": "as the records are",
    "clip": "records are clipped to the range of clean features first",
    "blur": "records are blurred first",
    "median": "a median filter goes over the records first",
}
"""Of the cleanings."""

Rows = Float64[np.ndarray, "n d"]

_ROUNDS = 10
_AT_ONCE = 32
_TINY = 1e-12


class Sides(NamedTuple):
    """The attacked features, one row for each face of the scene."""

    clean: Tensor
    shielded: Tensor


class Tried(NamedTuple):
    """An attacker's row, and what he made."""

    row: Attempt
    clean: Images | None = None
    shielded: Images | None = None


class Made(NamedTuple):
    """What an attacker made."""

    pictures: Images
    embeddings: Tensor | None = None
    """What he shows the matcher, where it is not the pictures."""


class Knowing(NamedTuple):
    """Rows of a keyed store whose plain embeddings the attacker knows, and other faces of his."""

    plain: Tensor
    stored: Tensor
    public: Tensor


def references(known: Images, scene: Scene) -> Iterator[Tried]:
    """What says nothing of the records: a mean face, and other people's photos.

    Args:
        known: (m, 3, h, w) pictures of people who are not in the store, at least one.
        scene: the faces.
    """
    n = len(scene.faces)
    mean = known.mean(0, keepdim=True).expand_as(scene.faces)
    others = known[torch.arange(n) % len(known)]
    for name, meaning, guess in (
        ("mean face", "of the pictures that attackers know", mean),
        ("somebody else", "another person's photo", others),
    ):
        yield tried("references", name, meaning, partial(Made, guess), None, scene)


def decoded(
    group: Group,
    name: str,
    decoder: Reconstructor,
    sides: Sides,
    spread: Spread,
    scene: Scene,
    *,
    cleanings: Sequence[str] = ("none",),
    meaning: str = "",
    learned: int | None = None,
) -> Iterator[Tried]:
    """Decode clean features and records after each cleaning; pictures are kept of no cleaning.

    Args:
        group: what the attacker has.
        name: of the decoder.
        decoder: makes pictures.
        sides: what is decoded.
        spread: how clean features vary.
        scene: the faces.
        cleanings: names of `CLEANINGS`.
        meaning: of the decoder.
        learned: how many records it learned from.
    """
    for cleaning in cleanings:
        clean, shielded = (partial(_decode, decoder, f, spread, cleaning) for f in sides)
        label = name if cleaning == "none" else f"{name}, after {cleaning}"
        about = meaning if cleaning == "none" and meaning else MEANINGS[cleaning]
        one = tried(group, label, about, shielded, clean, scene, learned)
        yield one if cleaning == "none" else Tried(one.row)


def controls(
    name: str,
    decoder: Reconstructor,
    sides: Sides,
    spread: Spread,
    seeds: Sequence[int],
    scene: Scene,
) -> Iterator[Tried]:
    """Decode clean features with noise of the same l2 norm as the shield's change.

    Args:
        name: of the decoder.
        decoder: makes pictures.
        sides: clean and shielded features.
        spread: how clean features vary.
        seeds: one per face.
        scene: the faces.
    """
    change = sides.shielded.float() - sides.clean.float()
    for law in LAWS:
        noisy = sides.clean.float() + noise_like(change, spread, law, seeds)
        make = partial(_decode, decoder, noisy, spread)
        yield tried("controls", f"{law} noise", f"decoded by {name}", make, None, scene)


def inversions(
    name: str,
    meaning: str,
    read: Reader,
    sides: Sides,
    scene: Scene,
    n: int,
    watch: Watch | None = None,
    group: Group = "inversion",
) -> Iterator[Tried]:
    """Search for pictures whose features, as the recognizer makes them, point where these do.

    Args:
        name: of the attack.
        meaning: what is searched for.
        read: the recognizer, up to the features.
        sides: the features (n, ...).
        scene: the faces.
        n: how many of the faces are tried: it takes long.
        watch: called after every step.
        group: what the attacker has.
    """
    size = (scene.faces.shape[-2], scene.faces.shape[-1])

    def found(features: Tensor) -> Made:
        return Made(inverted(read, features[:n].float().flatten(1), size, watch=watch))

    clean, shielded = (partial(found, f) for f in sides)
    yield tried(group, name, meaning, shielded, clean, scene)


def turned(
    decoder: Reconstructor, sides: Sides, knowing: Knowing, counts: Sequence[int], scene: Scene
) -> Iterator[Tried]:
    """Turn keyed embeddings back with known pairs, or by the shape of the cloud, and decode them.

    Args:
        decoder: of plain embeddings, for the pictures; the matcher is shown the embeddings.
        sides: plain and keyed embeddings.
        knowing: what the attacker knows.
        counts: how many pairs; each at most as many as there are.
        scene: the faces.
    """
    stolen = _rows(sides.shielded)

    def shown_as(guess: Callable[[], Rows]) -> Made:
        found = torch.from_numpy(guess()).float()
        long = F.normalize(found, dim=1) * sides.clean.float().norm(dim=1).mean()
        with torch.no_grad():
            return Made(decoder(long), found)

    def by_shape() -> Rows:
        cloud = _unit(np.concatenate([stolen, _rows(knowing.stored)]))
        guess: Rows = stolen @ laid_over(_unit(_rows(knowing.public)), cloud, _ROUNDS)
        return guess

    about = f"no pairs: laid over embeddings of {len(knowing.public)} other faces"
    make = partial(shown_as, by_shape)
    yield tried("pairs", "shape of the cloud", about, make, None, scene)
    about = "the rotation is computed from the pairs; the matcher is shown the embedding"
    for k in counts:
        pairs = _rows(knowing.plain[:k]), _rows(knowing.stored[:k])
        make = partial(shown_as, partial(turned_back, *pairs, stolen))
        yield tried("pairs", "turned back", about, make, None, scene, k)


def tried(
    group: Group,
    name: str,
    meaning: str,
    make: Callable[[], Made],
    clean: Callable[[], Made] | None,
    scene: Scene,
    learned: int | None = None,
) -> Tried:
    """Let an attacker try, and measure what he made; one who crashes has a row that says so.

    Args:
        group: what he has.
        name: of the attacker.
        meaning: what he does.
        make: his guesses from the records.
        clean: from clean features; None where that means nothing.
        scene: the faces.
        learned: how many records he learned from.
    """
    row = Attempt(group=group, name=name, meaning=meaning, learned=learned)
    try:
        stolen, plain = make(), None if clean is None else clean()
        row = replace(
            row,
            shielded=shown(scene, *stolen),
            clean=None if plain is None else shown(scene, *plain),
        )
    except Cancelled:
        raise
    except Exception as error:  # of memory, or of numbers: his row says so, the rest stands
        return Tried(replace(row, error=f"{type(error).__name__}: {error}"))
    return Tried(row, None if plain is None else plain.pictures, stolen.pictures)


def _decode(
    decoder: Reconstructor, features: Tensor, spread: Spread, cleaning: str = "none"
) -> Made:
    with torch.no_grad():
        parts = [
            decoder(CLEANINGS[cleaning](part.float(), spread))
            for part in torch.split(features, _AT_ONCE)
        ]
    return Made(torch.cat(parts))


def _rows(features: Tensor) -> Rows:
    rows: Rows = features.double().numpy()
    return rows


def _unit(rows: Rows) -> Rows:
    unit: Rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    return unit
