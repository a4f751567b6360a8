"""Attackers with pairs, beside who does not look at all."""

from collections.abc import Callable
from functools import partial

import pytest
from torch import Tensor

from anamorph.adversaries.hidden import ATTACKERS, Attacker, Pairs, by_decoder
from anamorph.auditing.hidden.attacking import attacks, inverted, references
from anamorph.auditing.hidden.lineup import lineup
from anamorph.auditing.hidden.witness import Witness
from anamorph.errors import Cancelled

Pictures = Callable[..., Tensor]
QUICK: dict[str, Attacker] = {**ATTACKERS, "convolutional": partial(by_decoder, batches=3)}
KNOWN, UNSEEN = 24, 6
NAMES = [str(i) for i in range(UNSEEN)]


def test_a_linear_attacker_sees_through_a_negative(pictures: Pictures, judge: Witness) -> None:
    originals = pictures(KNOWN + UNSEEN, 16)
    known = Pairs(1 - originals[:KNOWN], originals[:KNOWN])
    among = lineup(originals[KNOWN:], NAMES, judge)
    rows = {
        (t.row.name, t.row.pairs): t.row
        for t in attacks(known, 1 - originals[KNOWN:], [4, KNOWN], among, QUICK)
    }
    names = ("correlation", "linear", "convolutional")
    assert set(rows) == {(name, k) for k in (4, KNOWN) for name in names}
    mean, other = references(known, among)
    best = rows["linear", KNOWN]
    assert best.ssim is not None
    assert mean.ssim is not None
    assert best.ssim.mean > mean.ssim.mean + 0.2
    assert best.hits >= UNSEEN - 1
    assert mean.hits <= 1
    assert other.hits == 0


def test_an_attacker_who_crashes_says_so_and_the_others_go_on(pictures: Pictures) -> None:
    def crashes(pairs: Pairs, unseen: Tensor) -> Tensor:
        raise MemoryError("too large")

    originals = pictures(10, 16)
    pairs = Pairs(originals[:4], originals[:4])
    among = lineup(originals[4:], NAMES, None)
    first, second = attacks(
        pairs, originals[4:], [4], among, {"linear": crashes, "other": ATTACKERS["mean"]}
    )
    assert first.row.error == "MemoryError: too large"
    assert first.guesses is None
    assert first.row.picked.value is None
    assert not second.row.error
    assert second.guesses is not None


def test_who_stops_the_audit_stops_the_attackers(pictures: Pictures) -> None:
    def stopped(pairs: Pairs, unseen: Tensor) -> Tensor:
        raise Cancelled("enough")

    originals = pictures(6, 16)
    among = lineup(originals[4:], NAMES[:2], None)
    with pytest.raises(Cancelled):
        list(attacks(Pairs(originals, originals), originals, [4], among, {"linear": stopped}))


def test_what_is_drawn_reads_as_what_was_shown(pictures: Pictures, judge: Witness) -> None:
    originals = pictures(UNSEEN, 16)
    among = lineup(originals, NAMES, judge)
    shown = {"from original": originals[:2]}
    (drawn,) = inverted(judge.party.output, "embed", shown, {"from original": "why"}, among)
    assert drawn.row.meaning == "why"
    assert drawn.guesses is not None
    assert drawn.guesses.shape == originals[:2].shape
    assert drawn.row.identity is not None
    assert drawn.row.identity.least > 0.8
    assert drawn.row.hits == 2
