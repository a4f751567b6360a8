"""Attackers who have pairs, tried on pictures that they did not learn from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

from anamorph.adversaries.hidden import ATTACKERS, Attacker, Pairs
from anamorph.auditing.hidden.figures import Attempt
from anamorph.auditing.hidden.lineup import Lineup, attempted, crashed
from anamorph.errors import Cancelled
from anamorph.methods.inversion import Inversion, inversion
from anamorph.methods.keeping import KeepAnswer, KeepDirection
from anamorph.optimize.engine import Watch, solve
from anamorph.types import Images, Reader, Task

MEAN = "mean"
"""The attacker who looks at no hidden picture: a reference for the others."""

MEANINGS: Mapping[str, str] = {
    "correlation": "each value from the one hidden value that follows it best",
    "linear": "any linear map of all hidden values",
    "convolutional": "a small network trained on the pairs",
}


class Tried(NamedTuple):
    """An attacker's row, and his guesses if he made any."""

    row: Attempt
    guesses: Images | None


def attacks(
    known: Pairs,
    unseen: Images,
    counts: Sequence[int],
    among: Lineup,
    attackers: Mapping[str, Attacker] = ATTACKERS,
) -> Iterator[Tried]:
    """Let every attacker learn from the first k pairs, for every k, and guess the unseen originals.

    Args:
        known: the pairs there are to learn from.
        unseen: hidden pictures of other originals.
        counts: how many of the pairs, each at most as many as there are.
        among: the originals of the unseen ones.
        attackers: by name; the reference is passed over.
    """
    for k in counts:
        pairs = Pairs(known.hidden[:k], known.originals[:k])
        for name, attack in attackers.items():
            if name != MEAN:
                yield _tried(name, lambda a=attack, p=pairs: a(p, unseen), among, k)  # type: ignore[misc]


def references(known: Pairs, among: Lineup) -> tuple[Attempt, ...]:
    """What can be had without looking at the hidden pictures: the least that others must beat."""
    originals = among.originals
    mean = ATTACKERS[MEAN](known, originals)
    return (
        attempted(
            "mean of the known originals",
            "the same guess whatever is hidden",
            mean,
            among,
            len(known.originals),
        ),
        attempted("another original", "a picture of something else", originals.roll(1, 0), among),
    )


def inverted(
    service: Reader,
    task: Task,
    pictures: Mapping[str, Images],
    meanings: Mapping[str, str],
    among: Lineup,
    watch: Watch | None = None,
) -> Iterator[Tried]:
    """Draw what the service model reads, for the first originals of a line-up.

    Args:
        service: the model; differentiable.
        task: what its output means.
        pictures: whose readings are taken, by name; (m, 3, h, w) each.
        meanings: what that means, by the same names.
        among: the originals.
        watch: called after every step.
    """
    keeping = KeepDirection(1.0) if task == "embed" else KeepAnswer()
    for name, shown in pictures.items():

        def drawn(shown: Images = shown) -> Images:
            with torch.no_grad():
                target = torch.cat([service(one) for one in shown[:, None]])
            size = (among.originals.shape[-2], among.originals.shape[-1])
            problem = inversion(service, target, keeping, size, Inversion())
            return torch.stack([solved.value for solved in solve(problem, watch)])

        yield _tried(name, drawn, among, None, meanings[name])


def _tried(
    name: str,
    make: Callable[[], Images],
    among: Lineup,
    pairs: int | None,
    meaning: str | None = None,
) -> Tried:
    about = MEANINGS.get(name, "") if meaning is None else meaning
    try:
        guesses = make()
        return Tried(attempted(name, about, guesses, among, pairs), guesses)
    except Cancelled:
        raise
    except Exception as error:  # of memory, or of numbers: his row will say so, the rest stands
        return Tried(crashed(name, about, error, among, pairs), None)
