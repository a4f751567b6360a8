"""The verdict says who gets somewhere, and no more than is known."""

from collections.abc import Callable
from dataclasses import replace

from anamorph.auditing.shielded.figures import Attempt
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import breakers, caution, grade, matcher, verdict, who
from anamorph.metrics.accuracy import NOTHING, share

AuditOf = Callable[..., ShieldAudit]
RowOf = Callable[..., Attempt]


def test_where_nobody_gets_anywhere_the_store_is_shielded(audit_of: AuditOf) -> None:
    audit = audit_of()
    assert grade(audit) == "shielded"
    assert breakers(audit) == ()
    said = verdict(audit)
    assert said.startswith("Shielded: of 20 advface records, a decoder that never saw")
    assert "where guessing picks 5.0 %" in said
    assert "the matcher accepts 85.0 % of the pairs of one person" in said
    assert "at a false accept rate of 1.0 %, before 90.0 %" in said


def test_few_records_prove_nothing(audit_of: AuditOf) -> None:
    assert grade(audit_of(attacked=15)) == "too few to tell"


def test_an_attacker_who_adapts_makes_it_partly_shielded(audit_of: AuditOf, row_of: RowOf) -> None:
    audit = audit_of(
        row_of("unseen"), row_of("adaptive", 18, 400, replayed=15), row_of("adaptive", 12, 100)
    )
    assert grade(audit) == "partly shielded"
    assert [b.row.learned for b in breakers(audit)] == [400, 100]
    assert "picks 90.0 % (n 20, 69.9 to 97.2 %)" in verdict(audit)
    assert "undoes the shield with 100 records" in caution(audit)
    assert "passes for its person in 75.0 %" in caution(audit)


def test_unseen_decoders_that_show_half_mean_it_is_not_shielded(
    audit_of: AuditOf, row_of: RowOf
) -> None:
    assert grade(audit_of(row_of("unseen", 10))) == "not shielded"


def test_what_passes_the_matcher_breaks_it_too_though_the_judge_sees_nobody(
    audit_of: AuditOf, row_of: RowOf
) -> None:
    audit = audit_of(row_of("unseen"), row_of("embedding", 1, replayed=12))
    (one,) = breakers(audit)
    assert (one.picks, one.passes) == (False, True)
    assert grade(audit) == "partly shielded"


def test_references_and_controls_break_nothing(audit_of: AuditOf, row_of: RowOf) -> None:
    audit = audit_of(row_of("references", 20), row_of("controls", 20), row_of("unseen"))
    assert breakers(audit) == ()
    assert "No attacker who adapts was tried." in caution(audit)


def test_without_a_judge_nothing_is_known(audit_of: AuditOf, row_of: RowOf) -> None:
    row = row_of("unseen")
    assert row.shielded is not None
    blind = replace(row, shielded=replace(row.shielded, picked=NOTHING, identity=None))
    audit = audit_of(blind)
    assert grade(audit) == "unknown"
    assert verdict(audit) == "Nothing is known of 20 advface records: judge could not judge."


def test_attackers_who_crashed_count_for_nothing(audit_of: AuditOf, row_of: RowOf) -> None:
    crashed = replace(row_of("adaptive", 20, 9), shielded=None, clean=None, error="of memory")
    audit = audit_of(row_of("unseen"), crashed)
    assert grade(audit) == "shielded"
    assert crashed.rank == (-1.0, -1.0, -1.0)
    assert not audit.ok


def test_accuracy_that_was_not_measured_is_said_to_be(audit_of: AuditOf) -> None:
    audit = audit_of()
    blind = replace(audit.accuracy, after=None, reason="no key")
    assert "was not measured (no key)" in matcher(replace(audit, accuracy=blind))
    side = audit.accuracy.before
    assert side is not None
    few = replace(side, tar={"0.01": NOTHING})
    fewer = replace(audit.accuracy, before=few, after=few)
    assert "the matcher is right in 95.0 %" in matcher(replace(audit, accuracy=fewer))


def test_stores_that_link_and_records_that_outlive_a_renewal_are_warned_of(
    audit_of: AuditOf,
) -> None:
    audit = audit_of()
    linked = replace(audit.links[1], d_sys=0.9, accepted=share(20, 20))
    said = caution(replace(audit, links=(linked,)))
    assert "Two stores of the same people can be linked" in said
    assert "still matches after the store is renewed" in said


def test_pairs_are_called_pairs(row_of: RowOf) -> None:
    assert who(row_of("pairs", 1, 16, name="turned back")) == "turned back, 16 pairs"
    assert who(row_of("adaptive", 1, 1, name="unet")) == "unet, 1 record"


def test_half_of_a_handful_may_be_luck(audit_of: AuditOf, row_of: RowOf) -> None:
    row = row_of("unseen")
    assert row.shielded is not None

    def of_four(hits: int) -> ShieldAudit:
        assert row.shielded is not None
        few = replace(row, shielded=replace(row.shielded, picked=share(hits, 4), replayed=NOTHING))
        audit = audit_of(few, attacked=4)
        return replace(audit, method=replace(audit.method, chance=0.25))

    assert grade(of_four(2)) == "too few to tell"
    assert breakers(of_four(4)) == ()  # one in 24, whichever way one looks at it
