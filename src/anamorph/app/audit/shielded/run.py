"""All attackers on one store, in the order of the report."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Tensor

from anamorph.adversaries.reconstruct import CLEANINGS
from anamorph.app.audit.shielded.extracting import Extractor, Faces
from anamorph.app.audit.shielded.learning import (
    Lessons,
    Meter,
    trained,
    training,
    tuning,
)
from anamorph.app.shield.decoy import spread_in
from anamorph.app.shield.keyed import NAME
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.auditing.shielded.attacking import (
    Knowing,
    Sides,
    Tried,
    controls,
    decoded,
    inversions,
    references,
    turned,
)
from anamorph.auditing.shielded.figures import Attempt, Group, Shown
from anamorph.auditing.shielded.scene import Scene
from anamorph.errors import Cancelled
from anamorph.methods.spread import Spread
from anamorph.models.networks.decoders import Decoder

_MEASURED = 200
"""Features whose range and deviation are taken for those of all."""

_OF_EMBEDDINGS = "mlp"
"""The decoder of embeddings that stand behind maps."""

_CLEAN = "trained on clean features of others"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thieves:
    """Who attacks, and what they have."""

    method: str
    made_by: Extractor
    sides: Sides
    """The attacked features."""
    scene: Scene
    known: Faces
    """Pictures of people who are not in the store, with their clean features."""
    given: Mapping[str, Decoder]
    """Trained attackers of the user's, by name."""
    kinds: Sequence[str]
    """Architectures that are trained where none are given."""
    lessons: Lessons | None
    knowing: Knowing | None
    """Plain and stored embeddings of records that are not attacked, for keyed ones."""
    counts: Sequence[int]
    updates: int
    inverted: int
    seed: int
    meter: Meter

    def attack(self) -> Iterator[Tried]:
        """Every attacker's row as it is ready."""
        known = Pairs(self.known.features, self.known.pictures)
        yield from references(self.known.pictures[:_MEASURED].float().div(255), self.scene)
        cleanings = tuple(CLEANINGS) if self.made_by.cut is not None else ("none", "clip")
        ready: list[_Ready] = []
        for name, make in self._unseen(known):
            decoder = yield from _made("unseen", name, make)
            if decoder is None:
                continue
            for one in decoded(
                *("unseen", name, decoder, self.sides, self._spread, self.scene),
                cleanings=cleanings,
                meaning=_CLEAN,
            ):
                if one.row.clean is not None:
                    ready.append(_Ready(_quality(one.row.clean), name, decoder))
                yield one
        ready.sort(key=lambda one: -one.quality)
        yield from self._adaptive(ready)
        if self.made_by.cut is not None:
            yield from self._embeddings()
        yield from self._inversions()
        if ready and self.knowing is not None:
            yield from turned(ready[0].decoder, self.sides, self.knowing, self.counts, self.scene)
        if ready and self.method not in ("none", NAME):
            seeds = range(self.seed, self.seed + len(self.scene.faces))
            _, name, best = ready[0]
            yield from controls(name, best, self.sides, self._spread, seeds, self.scene)
        self.meter.finish()

    @property
    def _spread(self) -> Spread:
        """How clean features vary."""
        return spread_in(self.known.features[:_MEASURED].float())

    def _unseen(self, known: Pairs) -> Iterator[tuple[str, Callable[[], Decoder]]]:
        for name, decoder in self.given.items():
            yield name, partial(_same, decoder)
        for kind in () if self.given else self.kinds:
            p = training(kind, self.updates, self.seed)
            yield kind, self._training(known, p)

    def _adaptive(self, ready: Sequence["_Ready"]) -> Iterator[Tried]:
        if self.lessons is None:
            return
        fresh = self.kinds[0]
        for k in self.counts:
            some = Pairs(*(part[:k] for part in self.lessons.pairs))
            p = training(fresh, self.updates, self.seed + 1)
            makers = {f"{fresh} from scratch": self._training(some, p)}
            start = next((r.decoder for r in ready if r.decoder.design.kind != "ridge"), None)
            if start is not None:
                kind = start.design.kind
                p = tuning(kind, self.updates, self.seed)
                makers[f"{kind} fine-tuned"] = self._training(some, p, start)
            for name, make in makers.items():
                decoder = yield from _made("adaptive", name, make, k)
                if decoder is not None:
                    yield from decoded(
                        *("adaptive", name, decoder, self.sides, self._spread, self.scene),
                        meaning=f"from {self.lessons.source}",
                        learned=k,
                    )

    def _embeddings(self) -> Iterator[Tried]:
        """Maps are read by the rest of the recognizer, and what it says is decoded and inverted."""
        clean, shielded = self.sides
        sides = Sides(self.made_by.embeddings(clean), self.made_by.stored(shielded))
        known = self.made_by.embeddings(self.known.features)
        p = training(_OF_EMBEDDINGS, self.updates, self.seed)
        name = f"{_OF_EMBEDDINGS} of the embedding"
        make = self._training(Pairs(known, self.known.pictures), p)
        decoder = yield from _made("embedding", name, make)
        if decoder is not None:
            about = "the recognizer reads the record; a decoder of its clean embeddings follows"
            spread = spread_in(known[:_MEASURED])
            yield from decoded("embedding", name, decoder, sides, spread, self.scene, meaning=about)
        yield from self._inverted(
            "embedding",
            "embedding inverted",
            "a picture that the recognizer reads as it reads the record",
            self.made_by.model.output,
            sides,
        )

    def _inversions(self) -> Iterator[Tried]:
        def features(images: Tensor) -> Tensor:
            return self.made_by.features(images).flatten(1)

        about = "a picture whose feature, as the public recognizer makes it, is the record"
        yield from self._inverted("inversion", "record inverted", about, features, self.sides)

    def _training(
        self, pairs: Pairs, p: ShadowTraining, start: Decoder | None = None
    ) -> Callable[[], Decoder]:
        """Trains a decoder where the recognizer computes."""
        return partial(trained, pairs, p, self.meter, start, self.made_by.model.device)

    def _inverted(
        self,
        group: Group,
        name: str,
        about: str,
        read: Callable[[Tensor], Tensor],
        sides: Sides,
    ) -> Iterator[Tried]:
        if self.inverted:
            there = Sides(*(side.to(self.made_by.model.device) for side in sides))
            yield from inversions(
                *(name, about, read, there, self.scene, self.inverted),
                watch=lambda _: self.meter.tell(),
                group=group,
            )


class _Ready(NamedTuple):
    """A decoder of clean features, and how well it does on them."""

    quality: float
    name: str
    decoder: Decoder


def _quality(clean: Shown) -> float:
    """How well a decoder does on clean features: by the judge, if there is one."""
    measure = clean.identity or clean.ssim
    return -1.0 if measure is None else measure.mean


def _same(decoder: Decoder) -> Decoder:
    return decoder


def _made(
    group: Group, name: str, make: Callable[[], Decoder], learned: int | None = None
) -> Generator[Tried, None, Decoder | None]:
    """Train an attacker; the row of one who cannot be trained says why."""
    try:
        return make()
    except Cancelled:
        raise
    except Exception as error:  # of memory, or of numbers: his row says so, the rest stands
        why = f"{type(error).__name__}: {error}"
        yield Tried(Attempt(group=group, name=name, meaning="", learned=learned, error=why))
        return None
