"""The verdict says what the figures say."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from anamorph.auditing.audit import Audit
from anamorph.auditing.figures import AdaptiveFigures
from anamorph.auditing.markdown import markdown
from anamorph.auditing.page import page
from anamorph.auditing.verdict import breakers, caution, exposure, grade, ranked, verdict
from anamorph.metrics.accuracy import NOTHING, Share, share

MakeAudit = Callable[..., Audit]


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (share(0, 100), "protected"),
        (share(10, 100), "protected"),
        (share(0, 5), "partly protected"),  # too few to be sure
        (share(30, 100), "partly protected"),
        (share(50, 100), "not protected"),
        (NOTHING, "unknown"),
    ],
)
def test_the_grade_follows_the_share_and_how_sure_it_is(
    kept: Share, expected: str, audit_of: MakeAudit
) -> None:
    assert grade(audit_of(kept)) == expected


def test_the_verdict_is_one_sentence_with_n_and_interval(audit_of: MakeAudit) -> None:
    said = verdict(audit_of(share(30, 100)))
    assert said == (
        "Partly protected: 2 models that the protection did not know still read 30.0 % of what "
        "they read before (n 100, 21.9 to 39.6 %), and mine keeps 90.0 % of its readings "
        "(n 100, 82.6 to 94.5 %)."
    )


def test_without_a_panel_that_works_nothing_is_claimed(audit_of: MakeAudit) -> None:
    said = verdict(audit_of(NOTHING))
    assert said.startswith("Nothing is known of other models")
    assert caution(audit_of(NOTHING)) == "Choose other models for the panel."


def test_attacks_that_give_the_readings_back_are_named(audit_of: MakeAudit) -> None:
    audit = audit_of(share(10, 100), jpeg75=share(60, 100), blur=share(20, 100))
    assert [b.name for b in breakers(audit)] == ["jpeg75", "blur"]
    assert [b.breaks for b in breakers(audit)] == [True, False]
    assert "These give the readings back: jpeg75 (60.0 %)." in caution(audit)


def test_where_nothing_broke_it_the_worst_attack_is_named(audit_of: MakeAudit) -> None:
    audit = audit_of(share(10, 100), jpeg75=share(15, 100), blur=share(20, 100))
    assert "Of 2 attacks tried, blur gives most back: 20.0 % (n 100" in caution(audit)


def test_attacks_that_cost_the_owner_the_reading_are_named(audit_of: MakeAudit) -> None:
    audit = audit_of(share(10, 100), own=share(70, 100), jpeg75=share(15, 100))
    assert "mine loses its own readings under jpeg75." in caution(audit)


def test_a_protection_no_better_than_noise_is_called_that(audit_of: MakeAudit) -> None:
    assert "Plain noise" in caution(audit_of(share(80, 100), noise=share(75, 100)))
    assert "Plain noise" not in caution(audit_of(share(30, 100), noise=share(75, 100)))


def test_without_attacks_the_claim_is_limited(audit_of: MakeAudit) -> None:
    assert "holds for untouched files only" in caution(audit_of(share(1, 100)))


def test_an_attacker_counts_only_where_it_learned(audit_of: MakeAudit) -> None:
    row = AdaptiveFigures(
        way="labels",
        model="a",
        pictures=100,
        held_out=100,
        before=share(10, 80),
        after=share(60, 80),
        clean_before=share(80, 100),
        clean_after=share(82, 100),
        complete=True,
    )
    unlearned = replace(row, pictures=8, after=share(0, 80), clean_after=share(5, 100))
    audit = audit_of(share(10, 100))
    assert "learned from 100 protected pictures keeps 75.0 %" in caution(
        replace(audit, adaptive=(unlearned, row))
    )
    assert "learned" not in caution(replace(audit, adaptive=(unlearned,)))
    text = page(replace(audit, adaptive=(unlearned, row)), [], [])
    assert text.count("learned too little") == 1
    assert "8 (learned too little)" in markdown(replace(audit, adaptive=(unlearned, row)))


def test_pictures_are_ranked_from_worst_to_best(audit_of: MakeAudit) -> None:
    audit = audit_of(share(1, 100))
    assert [one.source for one in ranked(audit)] == [
        "both.png",
        "sure.png",
        "unsure.png",
        "none.png",
    ]


def test_a_picture_that_no_model_could_read_is_not_ranked(audit_of: MakeAudit) -> None:
    (unread,) = (i for i in audit_of(share(1, 100)).images if i.source == "unread.png")
    assert exposure(unread, frozenset({"a", "b"})) is None
