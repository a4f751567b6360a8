"""What counts as hidden, and what as a leak."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from anamorph.auditing.hidden.figures import KindFigures
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.verdict import caution, grade, kind_grade, leaks, verdict
from anamorph.metrics.accuracy import NOTHING, share

KindOf = Callable[..., KindFigures]
AuditOf = Callable[..., HideAudit]


def test_where_nothing_leaks_pictures_are_hidden(kind_of: KindOf, audit_of: AuditOf) -> None:
    audit = audit_of(kind_of())
    assert leaks(audit.kinds[0]) == ()
    assert grade(audit) == "hidden"
    said = verdict(audit)
    assert said.startswith("Hidden: of 40 sealed pictures")
    assert "0.0 % (n 40, 0.0 to 8.8 %)" in said
    assert "picks 5.0 % of the originals (n 20, 0.9 to 23.6 %) where guessing picks 5.0 %" in said
    assert "service reads 100.0 % of them (n 40, 91.2 to 100.0 %)." in said


@pytest.mark.parametrize(
    ("leak", "says", "judged"),
    [
        ({"shown": 4}, "the original shows in 10.0 %", "partly hidden"),
        ({"shown": 30}, "the original shows in 75.0 %", "not hidden"),
        ({"probe_r2": 0.1}, "a linear probe reads an R2 of 0.10", "partly hidden"),
        ({"probe_r2": 0.6}, "a linear probe reads", "not hidden"),
        ({"attacker_hits": 8}, "a linear attacker with 20 pairs picks 40.0 %", "partly hidden"),
        ({"attacker_hits": 20}, "picks 100.0 %", "not hidden"),
        ({"attacker_ssim": 0.3}, "comes nearer than who does not look (SSIM 0.31", "partly hidden"),
        ({"attacker_follows": 0.8}, "block correlation 0.80", "partly hidden"),
        ({"judge_hits": 8}, "judge, which took no part, finds 20.0 %", "partly hidden"),
        ({"judge_hits": 30}, "judge, which took no part, finds 75.0 %", "not hidden"),
        ({"refused": 39}, "wrong keys are refused by 97.5 %", "not hidden"),
        ({"forced_ssim": 0.5}, "a wrong key used by force gives an SSIM of 0.50", "not hidden"),
    ],
)
def test_every_leak_is_told_and_counts(
    kind_of: KindOf, audit_of: AuditOf, leak: dict[str, Any], says: str, judged: str
) -> None:
    audit = audit_of(kind_of(**leak))
    assert len(leaks(audit.kinds[0])) == 1
    assert says in verdict(audit)
    assert grade(audit) == judged


def test_luck_is_no_leak(kind_of: KindOf) -> None:
    assert leaks(kind_of(attacker_hits=3, judge_hits=3)) == ()


def few(kind: KindFigures, judge_hits: int, attackers: int = 1) -> KindFigures:
    """The same of 6 pictures, of which the judge finds some."""
    judge, none = kind.judge, share(0, 6)
    assert judge is not None
    return replace(
        kind,
        n=6,
        judge=replace(judge, found=share(judge_hits, 6), chance=1 / 6),
        shows=replace(kind.shows, readable=none),
        attackers=tuple(replace(a, picked=share(1, 3), chance=1 / 3) for a in kind.attackers)
        * attackers,
    )


@pytest.mark.parametrize("hits", [0, 1, 2, 4, 5])
def test_few_pictures_tell_nothing_while_luck_may_have_found_them(
    kind_of: KindOf, audit_of: AuditOf, hits: int
) -> None:
    audit = audit_of(few(kind_of(), hits))
    assert grade(audit) == "too few to tell"
    said = verdict(audit)
    assert said.startswith("Too few to tell: from 6 sealed pictures, the original shows in 0.0 %")
    assert f"finds {100 * hits / 6:.1f} %" in said
    assert "where guessing finds 16.7 %, which may be luck; audit at least 16" in said


def test_few_pictures_can_disprove_what_luck_does_not_explain(
    kind_of: KindOf, audit_of: AuditOf
) -> None:
    audit = audit_of(few(kind_of(), 6))
    assert grade(audit) == "not hidden"
    assert verdict(audit).startswith("Not hidden: from 6 sealed pictures, judge, which took no")
    assert grade(audit_of(few(kind_of(), 6, attackers=9))) == "too few to tell", "of 11 tries"
    assert kind_grade(replace(kind_of(shown=30), n=8)) == "not hidden"
    assert kind_grade(replace(kind_of(refused=39), n=8)) == "not hidden"


@pytest.mark.parametrize(
    ("leak", "says"),
    [
        ({"probe_r2": 0.6}, "a linear probe reads an R2 of 0.60"),
        ({"attacker_ssim": 0.3}, "comes nearer than who does not look"),
        ({"forced_ssim": 0.5}, "a wrong key used by force gives an SSIM of 0.50"),
    ],
)
def test_means_of_few_pictures_are_told_but_do_not_count(
    kind_of: KindOf, audit_of: AuditOf, leak: dict[str, Any], says: str
) -> None:
    kind = few(kind_of(**leak), 1)
    assert leaks(kind) == ()
    said = verdict(audit_of(kind))
    assert said.startswith("Too few to tell")
    assert says in said


def test_the_worst_kind_counts(kind_of: KindOf, audit_of: AuditOf) -> None:
    weak = replace(kind_of(shown=30), kind="network")
    audit = audit_of(kind_of(), weak)
    assert grade(audit) == "not hidden"
    assert "sealed" in verdict(audit)
    assert "Not hidden: from 40 network pictures" in verdict(audit)


def test_without_pictures_nothing_is_known(audit_of: AuditOf) -> None:
    assert grade(audit_of()) == "unknown"
    assert "Nothing is known" in verdict(audit_of())


def test_who_has_the_model_is_never_stopped(kind_of: KindOf, audit_of: AuditOf) -> None:
    said = caution(audit_of(kind_of()))
    assert said.startswith("This stops nobody who has service")
    assert "Not every sealed picture can be revealed after jpeg85" in said
    assert "not measured" in caution(audit_of(kind_of(), judge=None))


def test_no_agreement_is_claimed_where_none_was_measured(
    kind_of: KindOf, audit_of: AuditOf
) -> None:
    kind = kind_of()
    other = replace(kind.service, kept=NOTHING, cosine=None, error="hidden for another model")
    assert "service was not asked: hidden for another model" in verdict(
        audit_of(replace(kind, service=other))
    )
