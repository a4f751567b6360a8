"""The matcher's side of an audit: its threshold, its accuracy before and after, and what links."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from anamorph.app.audit.shielded.extracting import Extractor, evenly, faces_in
from anamorph.app.audit.shielded.pairing import album_of, numbers
from anamorph.app.audit.shielded.stealing import MOST, Stolen
from anamorph.app.shield.keyed import NAME
from anamorph.auditing.hidden.spread import Spread, spread
from anamorph.auditing.shielded.figures import Accuracy, Link
from anamorph.auditing.shielded.matching import (
    Pairing,
    Threshold,
    accuracy,
    link,
    pairing,
    threshold,
)
from anamorph.auditing.shielded.result import Missed
from anamorph.files.photo import Limits
from anamorph.losses import cosine
from anamorph.metrics.accuracy import NOTHING
from anamorph.metrics.identity import similarities
from anamorph.templates.role import Shielding


class Probes(NamedTuple):
    """What asks the store: other pictures of the same people, or the enrolled ones themselves."""

    embeddings: Tensor
    """By the recognizer."""
    asking: Tensor
    """In the form in which a shielded store is asked: by a trained tail, if there is one."""
    people: Tensor
    meaning: str
    itself: bool
    """Whether these are the enrolled pictures, in their order."""
    missed: tuple[Missed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matcher:
    """All that is compared with what. Make one with `matcher`."""

    people: Tensor
    """(n,) whom the records are of."""
    clean: Tensor
    """(n, k) embeddings of clean features."""
    stored: Tensor
    """(n, k) what the records give without any key."""
    probes: Probes
    limit: Threshold
    keyed: bool
    key: Shielding | None
    """The store's, if it was given."""

    @property
    def pairs(self) -> Pairing:
        """Records with probes."""
        return pairing(self.people, self.probes.people, itself=self.probes.itself)

    def accuracy(self) -> Accuracy:
        """Before and after; keyed records need the key."""
        asked, reason = self._comparable(self.probes.asking), ""
        if asked is None:
            reason = (
                "the records are rotated by a key, and so must the probes be: give it with --key"
            )
        return accuracy(
            self.probes.meaning,
            similarities(self.clean, self.probes.embeddings),
            None if asked is None else similarities(self.stored, asked),
            self.pairs,
            self.limit,
            reason,
        )

    def self_cosine(self) -> Spread | None:
        """Of the embeddings of records and of their clean features."""
        clean = self._comparable(self.clean)
        return None if clean is None else spread(cosine(self.stored, clean).tolist())

    def links(self, renewed: Tensor | None, attacked: Tensor) -> Iterator[Link]:
        """Records with records, with clean pictures, and with a store that was shielded anew.

        Args:
            renewed: embeddings of the attacked records, shielded anew; None where that cannot be.
            attacked: which they are.
        """
        who, own = self.people, self.probes.itself
        yield link(
            *("two records", "of one person, in this store", self.stored, self.stored),
            pairing(who, who, once=True),
            self.limit,
        )
        yield link(
            "record and clean picture",
            "the one it was made of" if own else "another one of the person",
            self.stored,
            self.probes.asking,
            pairing(who, who) if own else self.pairs,
            self.limit,
        )
        name, about = "two stores", "the same features shielded anew, with another secret"
        if renewed is None:
            why = "the shielding cannot be made anew here"
            yield Link(name=name, meaning=about, mated=0, others=0, accepted=NOTHING, reason=why)
            return
        yield link(
            *(name, about, self.stored[attacked], renewed),
            pairing(who[attacked], who[attacked]),
            self.limit,
            stores=True,
        )

    def _comparable(self, embeddings: Tensor) -> Tensor | None:
        """Clean embeddings in the form in which records are compared with them."""
        if not self.keyed:
            return embeddings
        if self.key is None:
            return None
        return torch.from_numpy(self.key(embeddings.float().numpy()))


def matcher(
    taken: Stolen,
    people: dict[str, int],
    probes: Path | None,
    method: str,
    key: Shielding | None,
    given: float | None,
    limits: Limits,
) -> Matcher:
    """Put together what is compared with what.

    Args:
        taken: the store and its pictures.
        people: the number of each person.
        probes: a folder of other pictures of the same people.
        method: of the store.
        key: the store's, if it has one and it was given.
        given: the matcher's own threshold.
        limits: on bytes and pixels.

    Raises:
        UsageError: no pictures among the probes.
    """
    who = torch.tensor([people[picture.person] for picture in taken.pictures])
    clean = taken.made_by.embeddings(taken.clean)
    asking = (
        Probes(
            clean,
            taken.made_by.stored(taken.clean),
            who,
            "the enrolled pictures, each against those of others",
            True,
        )
        if probes is None
        else _probes(probes, people, taken.made_by, limits)
    )
    pairs = pairing(who, asking.people, itself=asking.itself)
    return Matcher(
        people=who,
        clean=clean,
        stored=taken.made_by.stored(taken.records),
        probes=asking,
        limit=threshold(similarities(clean, asking.embeddings), pairs, given),
        keyed=method == NAME,
        key=key,
    )


def _probes(folder: Path, people: dict[str, int], made_by: Extractor, limits: Limits) -> Probes:
    album = album_of(folder, "--probes")
    by_path = {picture.path: picture.person for picture in album.pictures}
    paths = evenly(list(by_path), MOST)
    faces = faces_in(paths, made_by, limits)
    persons = [by_path[paths[i]] for i in faces.read]
    known = numbers(persons, people)
    return Probes(
        made_by.embeddings(faces.features),
        made_by.stored(faces.features),
        torch.tensor([known[person] for person in persons]),
        f"pictures in {folder}",
        False,
        (*album.missed, *faces.missed),
    )
