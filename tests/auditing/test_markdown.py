"""The report as Markdown."""

from collections.abc import Callable
from itertools import pairwise

from anamorph.auditing.audit import Audit
from anamorph.auditing.markdown import markdown
from anamorph.auditing.verdict import verdict
from anamorph.metrics.accuracy import share

MakeAudit = Callable[..., Audit]


def test_it_holds_the_verdict_the_models_and_the_attacks(audit_of: MakeAudit) -> None:
    audit = audit_of(share(10, 100), jpeg75=share(60, 100))
    text = markdown(audit)
    assert text.startswith("# Audit: protected\n\n" + verdict(audit))
    assert "| a | unseen | 90.0 % (n 100, 82.6 to 94.5 %) | 10.0 %" in text
    assert "| jpeg75 | 60.0 % (n 100" in text
    assert "| sign noise | 90.0 %" in text


def test_every_row_of_a_table_has_as_many_cells(audit_of: MakeAudit) -> None:
    rows = [
        line for line in markdown(audit_of(share(1, 9), a=share(1, 9))).split("\n") if "|" in line
    ]
    for header, line in pairwise(rows):
        if set(line) <= set("|- "):
            assert header.count("|") == line.count("|")


def test_hostile_names_stay_text(audit_of: MakeAudit) -> None:
    text = markdown(audit_of(share(1, 9)))
    assert "\\<i\\>bad\\</i\\>\ufffd.png" in text
    assert "no \\<b\\>partner\\</b\\>" in text
    assert "a \\<note\\>" in text
