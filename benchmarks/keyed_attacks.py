"""What a keyed store of real faces is worth with its key, without it, and with pairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from benchmarks.intervals import share
from benchmarks.keyed_faces import Embedded
from numpy.typing import NDArray

from anamorph.adversaries.known_pairs import laid_over, turned_back
from anamorph.app.shield.keyed import rekeyed, rotation_of
from anamorph.keys import key as keys
from anamorph.metrics.identity import tar_at_far
from anamorph.metrics.verification import search

PAIRS = (16, 64, 256, 512, 1024)
FAR = 1e-3

_ROUNDS = 10
_SEED = 0

Rows = NDArray[np.float32]


def with_and_without(faces: Embedded) -> dict[str, Any]:
    """Search among people with two pictures, by the key, without it, and after a new key."""
    gallery, probes, who = _two_each(faces)
    old, new = keys.new("rotation"), keys.new("rotation")
    turn, other = rotation_of(old, gallery.shape[1]), rotation_of(new, gallery.shape[1])
    change = rekeyed(old, new)
    threshold = _threshold(gallery, probes, who)
    plain, with_key = _search(probes, gallery, who), _search(turn(probes), turn(gallery), who)
    cosines = probes @ gallery.T
    return {
        "people": len(gallery),
        "threshold": round(threshold, 4),
        "plain": plain,
        "with_key": with_key,
        "after_rekeying": _search(other(probes), change(turn(gallery)), who),
        "largest_change_of_cosine": float(
            abs(_unit(turn(probes)) @ _unit(turn(gallery)).T - cosines).max()
        ),
        "without_key": _search(probes, turn(gallery), who),
        "accepted_without_key": share(_own(probes, turn(gallery)) > threshold),
        "replay_into_plain": share(_own(turn(gallery), probes) > threshold),
        "replay_into_other_key": share(_own(turn(gallery), other(probes)) > threshold),
        "linked_across_keys": share(_own(turn(gallery), other(gallery)) > threshold),
        "cosine_without_key": round(float(_own(probes, turn(gallery)).mean()), 5),
    }


def by_pairs(faces: Embedded) -> dict[str, Any]:
    """Attackers know pairs of other people; guesses are replayed against another picture."""
    gallery, probes, who = _two_each(faces)
    turn = rotation_of(keys.new("rotation"), gallery.shape[1])
    threshold = _threshold(gallery, probes, who)
    others = _others(faces, who)
    single = faces.features[others[: max(PAIRS)]]
    figures: dict[str, Any] = {"plain": _replay(gallery, gallery, probes, threshold)}
    for k in PAIRS:
        known = single[:k].astype(np.float64)
        guess = turned_back(known, turn(single[:k]).astype(np.float64), turn(gallery))
        figures[str(k)] = _replay(guess, gallery, probes, threshold)
        print(f"  {k} pairs: {figures[str(k)]}", flush=True)
    return figures


def by_shape(faces: Embedded) -> dict[str, Any]:
    """Attackers lay faces of their own over the stored cloud: of strangers, or of half the people.

    Guesses are judged on the other half of the people, of whom the attackers have nothing.
    """
    gallery, probes, who = _two_each(faces)
    turn = rotation_of(keys.new("rotation"), gallery.shape[1])
    threshold = _threshold(gallery, probes, who)
    strangers = faces.features[_others(faces, who)].astype(np.float64)
    order = np.random.default_rng(_SEED).permutation(len(who))
    half, rest = order[: len(order) // 2], order[len(order) // 2 :]
    pictures = probes[half].astype(np.float64)
    stolen = turn(gallery).astype(np.float64)
    figures: dict[str, Any] = {}
    for k in (0, 16, 64):
        known, stored = strangers[:k], turn(strangers[:k].astype(np.float32)).astype(np.float64)
        start = None if k == 0 else turned_back(known, stored, np.eye(stolen.shape[1]))
        for name, public in (("of strangers", strangers[k:]), ("of half of them", pictures)):
            guess = stolen @ laid_over(public, stolen, _ROUNDS, start)
            what = f"{k} pairs, pictures {name}"
            figures[what] = _replay(guess[rest], gallery[rest], probes[rest], threshold)
            print(f"  {what}: {figures[what]}", flush=True)
    return figures


def _two_each(faces: Embedded) -> tuple[Rows, Rows, NDArray[np.int64]]:
    """Enrolled and probing pictures of the people who have two, and their numbers."""
    who = [p for p in np.unique(faces.people) if (faces.people == p).sum() > 1]
    rows = [np.flatnonzero(faces.people == p)[:2] for p in who]
    first, second = np.array(rows).T
    return faces.features[first], faces.features[second], np.array(who)


def _others(faces: Embedded, who: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """One row for each of the people who have one picture only, in random order."""
    alone = np.flatnonzero(~np.isin(faces.people, who))
    return np.random.default_rng(_SEED).permutation(alone)


def _search(probes: Rows, gallery: Rows, who: NDArray[np.int64]) -> dict[str, Any]:
    people = torch.from_numpy(who)
    found = search(torch.from_numpy(probes), people, torch.from_numpy(gallery), people)
    tar = {far: round(rate, 5) for far, rate in found.tar.items()}
    return {"rank_one": round(found.rank_one, 5), "tar": tar, "impostor": found.impostor}


def _threshold(gallery: Rows, probes: Rows, who: NDArray[np.int64]) -> float:
    """The matcher's: plain pictures of two people pass it once in 1 / FAR."""
    cosines = torch.from_numpy(probes @ gallery.T)
    same = torch.eye(len(who), dtype=torch.bool)
    return tar_at_far(cosines[same], cosines[~same], FAR)[1]


def _replay(guess: NDArray[Any], gallery: Rows, probes: Rows, threshold: float) -> dict[str, Any]:
    """Whether guesses pass for their people, at a matcher that knows another picture of them."""
    return {
        "replay": share(_own(guess, probes) > threshold),
        "cosine": round(float(_own(guess, gallery).mean()), 4),
    }


def _own(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Cosine of each row with the row of the same number."""
    cosines: NDArray[Any] = (_unit(a) * _unit(b)).sum(1)
    return cosines


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[Any] = rows / np.maximum(lengths, 1e-12)
    return unit
