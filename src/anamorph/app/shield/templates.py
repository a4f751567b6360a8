"""Enroll, verify and identify people in a store of features, shielded or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anamorph import __version__
from anamorph.app.shield.keyed import NAME, keyed
from anamorph.app.shield.probing import compared
from anamorph.errors import ParameterError, UsageError
from anamorph.keys.key import Key
from anamorph.templates.files import check_marks, cosines
from anamorph.templates.role import Id, Match, Records, Store, mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What `enroll` added."""

    store: str
    ids: Sequence[Id]
    mark: str | None

    def as_json(self) -> dict[str, Any]:
        """The contract of `templates enroll --json`."""
        return {
            "anamorph": __version__,
            "store": self.store,
            "shield": self.mark,
            "enrolled": list(map(str, self.ids)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How near one probe is to the row it claims to be."""

    claim: Id
    cosine: float
    threshold: float

    @property
    def accepted(self) -> bool:
        """Whether it is that person, as far as the threshold is right."""
        return self.cosine >= self.threshold

    def as_json(self) -> dict[str, Any]:
        """The contract of a row of `templates verify --json`."""
        return {
            "claim": str(self.claim),
            "cosine": round(self.cosine, 6),
            "accepted": self.accepted,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The rows that are nearest to one probe."""

    probe: Id
    matches: Sequence[Match]

    def as_json(self) -> dict[str, Any]:
        """The contract of a row of `templates identify --json`."""
        return {
            "probe": str(self.probe),
            "matches": [{"id": str(m.id), "cosine": round(m.cosine, 6)} for m in self.matches],
        }


def enroll(features: Records, store: Store, key: Key | None = None) -> Enrolled:
    """Add features to a store, in the form its rows have.

    Args:
        features: plain ones, or such that carry the store's mark already.
        store: where to.
        key: of a keyed store.

    Raises:
        UsageError: the store's rows carry something else, so that nobody could be compared with
            them; or a name that is there already.
        BadKey: the key is of another kind.
        StoreFailed, NotWritten: the store refuses.
    """
    if key is not None and any(m is not None for m in features.marks):
        raise UsageError("these features are shielded already; leave --key out")
    marks = list(features.marks)
    if key is not None:
        shielding = keyed(key)
        shielded = shielding(features.features)
        marks = [mark(shielding)] * len(marks)
        features = Records(features.ids, shielded, marks)
    there = store.marks()
    if len(set(marks)) > 1 or any(m != marks[0] for m in there):
        raise UsageError(
            f"{store.name}: holds rows with {_told(there)}, the new ones have {_told(marks)}; "
            + _advice(there, key)
        )
    store.add(features)
    return Enrolled(store=store.name, ids=features.ids, mark=marks[0])


def verify(
    features: Records,
    claims: Sequence[Id],
    store: Store,
    key: Key | None = None,
    *,
    threshold: float,
) -> list[Verified]:
    """Compare each probe with the row it claims to be.

    Args:
        features: the probes.
        claims: for each the name of a row.
        store: holds the rows.
        key: of a keyed store.
        threshold: the least cosine that is accepted: the recognizer's own, as before shielding.

    Raises:
        ParameterError: a threshold that is no cosine.
        UsageError: an unknown name, or rows that these probes cannot be compared with.
    """
    if not -1 <= threshold <= 1:
        raise ParameterError(f"the threshold is {threshold}, but a cosine is from -1 to 1")
    if len(claims) != len(features.ids):
        raise UsageError(f"{len(features.ids)} probes and {len(claims)} claims; give one for each")
    found = []
    for row, claim in enumerate(claims):
        stored = store.find([claim])
        probes = compared(features, row, store, key)
        check_marks({stored.marks[0]: 1}, probes, store.name)
        cosine = float(cosines(stored.features, probes[stored.marks[0]])[0])
        found.append(Verified(claim=claim, cosine=cosine, threshold=threshold))
    return found


def identify(
    features: Records, store: Store, key: Key | None = None, *, count: int = 10
) -> list[Identified]:
    """The rows nearest to each probe.

    While a store is migrated in place, its rows are of two forms: each probe then asks in both.

    Args:
        features: the probes.
        store: where to look.
        key: of a keyed store.
        count: rows for each probe.

    Raises:
        ParameterError: a count below 1.
        UsageError: rows that these probes cannot be compared with, or none at all.
    """
    if count < 1:
        raise ParameterError(f"the count is {count}, but must be at least 1")
    return [
        Identified(probe=name, matches=store.nearest(compared(features, row, store, key), count))
        for row, name in enumerate(features.ids)
    ]


def _told(marks: Any) -> str:
    return ", ".join(sorted(m or "no shield" for m in set(marks))) or "none yet"


def _advice(there: Any, key: Key | None) -> str:
    if key is None and any((m or "").startswith(f"{NAME}/") for m in there):
        return "give the store's key with --key"
    return "shield both alike first, with `anamorph shield`"
