"""What attackers learn from, and how much work all of it is."""

from collections.abc import Sequence

from torch import Tensor

from anamorph.app.audit.shielded.extracting import Extractor, Faces
from anamorph.app.audit.shielded.learning import EFFORT, FINE_TUNED, Lessons, Meter, lessons_of
from anamorph.app.audit.shielded.stealing import Stolen
from anamorph.app.train.shadow_training import Pairs
from anamorph.methods.inversion import Inversion
from anamorph.templates.role import Shielding


def counts_for(wanted: Sequence[int], there: int) -> tuple[int, ...]:
    """How many records attackers learn from: as asked, as far as there are so many.

    Example:
        >>> counts_for([100, 400], 120)
        (100, 120)
    """
    return tuple(sorted({min(k, there) for k in wanted if min(k, there) > 1}))


def lessons_for(
    taken: Stolen,
    rest: Tensor,
    known: Faces,
    public: Shielding | None,
    most: int,
    meter: Meter,
) -> Lessons:
    """What attackers who adapt learn from: what they shield themselves, else the store's records.

    Args:
        taken: the store.
        rest: numbers of records that are not attacked.
        known: the attackers' own pictures.
        public: the shielding, if anybody can have it.
        most: records that are learned from.
        meter: told of every record that is shielded.
    """
    if public is not None:
        return lessons_of(known, public, most, meter)
    pairs = Pairs(taken.records[rest], taken.faces.pictures[rest])
    return Lessons(pairs, "other records of the store, whose pictures they have")


def work(
    made_by: Extractor,
    kinds: int,
    counts: Sequence[int],
    updates: int,
    *,
    invert: bool,
    shield: bool,
) -> int:
    """How much there is to do at the most, in updates and steps.

    Args:
        made_by: what is stored.
        kinds: architectures that are trained on clean features.
        counts: of records that are learned from.
        updates: of each training.
        invert: whether anything is inverted.
        shield: whether attackers shield what they learn from.
    """
    maps = made_by.cut is not None
    adaptive = len(counts) * (updates + min(updates, FINE_TUNED))
    inverted = 2 * Inversion().steps * (1 + maps) * invert
    own = EFFORT * max(counts, default=0) * shield
    return (kinds + maps) * updates + adaptive + inverted + own
