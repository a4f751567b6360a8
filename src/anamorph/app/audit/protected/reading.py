"""Lets workers read: each loads the models of the audit once, and reads some of its pictures."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anamorph.app.audit.loading import Case, Cases, Looks, batches
from anamorph.app.audit.panel import Panel, panel_of
from anamorph.app.audit.protected.attacks import attacks_named
from anamorph.auditing.audit import PictureFigures
from anamorph.auditing.protocol import Given, Readings, empty, merge, read_all
from anamorph.auditing.views import View
from anamorph.batch.shards import Alive, Engine
from anamorph.errors import UsageError
from anamorph.files.photo import Limits

PICTURES = 32
"""That a worker reads before it tells what it read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the pictures of an audit."""

    places: tuple[int, ...]
    """Which of all its cases they are."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of a part; indices are those of the part."""

    given: tuple[Given, ...]
    """By every model."""
    looks: dict[int, Looks]
    problems: tuple[PictureFigures, ...]
    spoiled: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Makes what a worker does (a `batch.shards.Prepare`)."""

    authorized: str
    panel: tuple[str, ...]
    views: tuple[View, ...]
    transforms: tuple[str, ...]
    purify: tuple[str, ...]
    seed: int
    limits: Limits
    device: str = "cpu"
    """Of the worker's machine."""

    def __call__(self) -> "Reader":
        """Load the models."""
        panel = panel_of(self.authorized, self.panel, {}, allow_surrogates=True, device=self.device)
        return Reader(panel=panel, how=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What a worker does with one part after the other (a `batch.shards.Work`)."""

    panel: Panel
    how: Readers

    def __call__(self, part: Part, alive: Alive) -> Read:
        """Let every model read every picture of the part in every form."""
        found, spoiled = Cases(cases=list(part.cases)), Counter[str]()
        readings = self.panel.readings([case.label for case in part.cases])
        read_all(
            readings,
            batches(found, self.how.limits),
            len(part.cases),
            self.how.views,
            attacks_named(self.how.transforms, self.how.purify).of,
            self.how.seed,
            lambda why: spoiled.update([why]),
            lambda _: alive(),
        )
        return Read(
            given=tuple(
                Given(answers=r.answers, confidence=r.confidence, errors=tuple(r.errors))
                for r in readings
            ),
            looks=found.looks,
            problems=tuple(found.problems),
            spoiled=spoiled,
        )


def read_on(
    engine: Engine,
    readers: Readers,
    readings: Sequence[Readings],
    found: Cases,
    spoiled: Counter[str],
    watch: Callable[[int], None] | None = None,
) -> None:
    """Fill in the readings, and what came to light while reading, as `read_all` does here.

    Raises:
        AnamorphError: whatever ended a part.
    """
    for one in readings:
        empty(one, readers.views, len(found.cases))
    places = range(len(found.cases))
    parts = [
        Part(places=tuple(some), cases=tuple(found.cases[i] for i in some))
        for some in (places[i : i + PICTURES] for i in range(0, len(places), PICTURES))
    ]
    for place, result in engine.run(readers, parts):
        if isinstance(result, Exception):
            raise result
        part = parts[place]
        for whole, some in zip(readings, result.given, strict=True):
            merge(whole, some, part.places)
        found.looks.update({part.places[i]: looks for i, looks in result.looks.items()})
        found.problems.extend(result.problems)
        spoiled.update(result.spoiled)
        if watch is not None:
            watch(len(part.places) * len(readers.views))


def specs(models: Sequence[object]) -> tuple[str, ...]:
    """The names by which workers load the models.

    Raises:
        UsageError: one is loaded already.
    """
    if not all(isinstance(model, str | Path) for model in models):
        raise UsageError("workers load models by their names; give cards or specs, none loaded")
    return tuple(map(str, models))
