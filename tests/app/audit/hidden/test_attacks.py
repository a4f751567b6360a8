"""Who learns from what, and is tried on what."""

from pathlib import Path

from anamorph.app.audit.hidden.attacks import UNSEEN, Parted, counts_for, parted
from anamorph.app.audit.hidden.pairs import HiddenPair
from anamorph.app.audit.hidden.pictures import Looked
from anamorph.auditing.hidden.figures import HiddenPicture
from anamorph.files.notice import Notice


def looked(digest: str) -> Looked:
    notice = Notice(kind="sealed", height=8, width=8, fingerprint="", model="")
    pair = HiddenPair(source=Path(digest), output=Path(digest), notice=notice)
    figures = HiddenPicture(source=digest, output=digest)
    return Looked(pair=pair, figures=figures, digest=digest, service=None, judge=None, spoiled=())


def digests(part: Parted) -> tuple[list[str], list[str]]:
    return [one.digest for one in part.known], [one.digest for one in part.unseen]


def test_half_is_held_out_and_at_most_a_hundred() -> None:
    for n, unseen in ((0, 0), (1, 0), (5, 2), (24, 12), (300, UNSEEN)):
        part = parted([looked(str(i)) for i in range(n)], 0, 1000, (8, 8))
        assert (len(part.known), len(part.unseen)) == (n - unseen, unseen)
        assert set(map(id, part.known)).isdisjoint(map(id, part.unseen))
        assert part.enough == (n >= 5)


def test_the_choice_follows_from_seed_and_pictures_not_from_their_order() -> None:
    names = [str(i) for i in range(20)]
    first = digests(parted([looked(n) for n in names], 0, 1000, (8, 8)))
    assert digests(parted([looked(n) for n in reversed(names)], 0, 1000, (8, 8))) == first
    assert digests(parted([looked(n) for n in names], 1, 1000, (8, 8))) != first


def test_copies_of_a_picture_are_on_one_side() -> None:
    for seed in range(8):
        part = parted([looked(n) for n in "aaaabbbbcccc"], seed, 1000, (8, 8))
        known, unseen = digests(part)
        assert set(known).isdisjoint(unseen)
        assert len(known) + len(unseen) == 12


def test_memory_and_what_was_asked_bound_what_is_learned_from() -> None:
    many = [looked(str(i)) for i in range(400)]
    assert len(parted(many, 0, 25, (8, 8)).known) == 25
    assert len(parted(many, 0, 1000, (1024, 1024)).known) == 2


def test_counts_go_as_far_as_there_are_pictures() -> None:
    assert counts_for([1000, 10, 25], 60) == (10, 25, 60)
    assert counts_for([10], 3) == (3,)
    assert counts_for([1], 3) == ()
    assert counts_for([], 3) == ()
