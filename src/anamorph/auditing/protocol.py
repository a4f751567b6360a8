"""Every model reads every picture in every form, once.

Works on decoded files only. No more than a batch of pictures is held, and the form that is made
next while the models read the last one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.auditing.parties import Party
from anamorph.auditing.views import CLEAN, Attack, Pair, Shown, View, shown
from anamorph.losses import cosine

T = TypeVar("T")

LEAST_COSINE = 0.9
"""An embedding model's reading counts as kept from this cosine to its clean reading on."""

_NONE = -1  # the answer where there is none


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """What one model made of the pictures. Arrays have one place per picture of the audit."""

    party: Party
    wanted: NDArray[np.int64] | None
    """The right answers in the model's own numbers; None: its own clean reading is right."""
    answers: dict[View, NDArray[np.int64]] = field(default_factory=dict)
    """The class answered; -1 where the picture was not read. Of embedding models, 0 where the
    reading is kept and 1 where it is lost."""
    confidence: dict[View, NDArray[np.float64]] = field(default_factory=dict)
    """The highest softmax value, or the cosine to the clean embedding."""
    errors: list[str] = field(default_factory=list)
    """Why the model stopped reading; its figures are void then."""

    @property
    def embeds(self) -> bool:
        """Whether its readings are compared by cosine."""
        return self.party.task == "embed"

    def read(self, view: View) -> NDArray[np.bool_]:
        """Which pictures were read in this form."""
        return np.not_equal(self.answers[view], _NONE)

    def same(self, view: View) -> NDArray[np.bool_]:
        """Which readings agree with the model's own clean one."""
        return self.read(view) & np.equal(self.answers[view], self.answers[CLEAN])

    def right(self, view: View) -> NDArray[np.bool_]:
        """Which readings are right: the label or, without labels, the own clean reading."""
        if self.wanted is None:
            return self.same(view)
        return self.read(view) & np.equal(self.answers[view], self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What a model gave for some of the pictures of an audit, on another machine perhaps."""

    answers: Mapping[View, NDArray[np.int64]]
    confidence: Mapping[View, NDArray[np.float64]]
    errors: tuple[str, ...]


def empty(readings: Readings, wanted: Sequence[View], count: int) -> None:
    """Make room for readings of so many pictures in each form; none is read yet."""
    for view in wanted:
        readings.answers[view] = np.full(count, _NONE, dtype=np.int64)
        readings.confidence[view] = np.full(count, np.nan)


def merge(readings: Readings, part: Given, places: Sequence[int]) -> None:
    """Fill in what the same model read of some of the pictures.

    Args:
        readings: of all pictures, with room for them.
        part: what it gave for some.
        places: where these stand among all.
    """
    where = list(places)
    for view, answers in part.answers.items():
        readings.answers[view][where] = answers
        readings.confidence[view][where] = part.confidence[view]
    readings.errors.extend(error for error in part.errors if error not in readings.errors)


def read_all(
    parties: Sequence[Readings],
    batches: Iterable[Sequence[Pair]],
    count: int,
    wanted: Sequence[View],
    attacks: Mapping[str, Attack],
    seed: int,
    problem: Callable[[str], None],
    watch: Callable[[int], None] | None = None,
) -> None:
    """Let every model read every picture in every form; the readings are filled in.

    A model that raises, or whose numbers are not finite, is asked no more; its error is noted.

    Args:
        parties: empty readings, one for each model.
        batches: pictures of one size each.
        count: pictures in the whole audit.
        wanted: the forms; the clean one first.
        attacks: by name.
        seed: of the controls' noise.
        problem: told, once for each picture, of an attack that cannot take it.
        watch: called with the number of pictures after every form of a batch; raise `Cancelled`
            to stop.
    """
    for party in parties:
        empty(party, wanted, count)

    def all_shown() -> Iterator[Shown]:
        for batch in batches:
            yield from shown(batch, attacks, wanted, seed, problem)

    clean: dict[int, tuple[tuple[int, ...], Tensor]] = {}
    for one in _ahead(all_shown()):
        for place, party in enumerate(parties):
            if party.errors:
                continue
            try:
                output = _output(party.party, one)
            except Exception as error:  # whatever somebody else's network or server raises
                party.errors.append(f"{type(error).__name__}: {error}")
                continue
            if one.view == CLEAN:
                clean[place] = one.indices, output
            _note(party, one, output, *clean[place])
        if watch is not None:
            watch(len(one.indices))


def _output(party: Party, one: Shown) -> Tensor:
    with torch.no_grad():
        output = party.output(one.images)
    if output.ndim != 2 or len(output) != len(one.indices):
        raise ValueError(
            f"gave a tensor {tuple(output.shape)} for {len(one.indices)} pictures; "
            "expected one row for each"
        )
    if not output.isfinite().all():
        raise ValueError("gave numbers that are not finite")
    return output.double()


def _note(
    party: Readings,
    one: Shown,
    output: Tensor,
    clean_indices: tuple[int, ...],
    clean: Tensor,
) -> None:
    where = list(one.indices)
    if party.embeds:
        rows = [clean_indices.index(i) for i in where]
        alike = cosine(output, clean[rows])
        party.answers[one.view][where] = (alike < LEAST_COSINE).long().numpy()
        party.confidence[one.view][where] = alike.numpy()
    else:
        top = output.softmax(1).max(1)
        party.answers[one.view][where] = top.indices.numpy()
        party.confidence[one.view][where] = top.values.numpy()


def _ahead(source: Iterator[T]) -> Iterator[T]:
    """The same things; the next one is made in a thread while the last one is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, source, None)
        while (ready := coming.result()) is not None:
            coming = maker.submit(next, source, None)
            yield ready
