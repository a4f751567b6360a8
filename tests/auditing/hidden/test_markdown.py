"""The report without pictures."""

from collections.abc import Callable
from dataclasses import replace

from anamorph.auditing.hidden.figures import KindFigures
from anamorph.auditing.hidden.markdown import markdown
from anamorph.auditing.hidden.result import HideAudit
from anamorph.metrics.accuracy import NOTHING

KindOf = Callable[..., KindFigures]
AuditOf = Callable[..., HideAudit]


def test_it_says_what_the_page_says_and_names_mean_only_themselves(
    kind_of: KindOf, audit_of: AuditOf
) -> None:
    text = markdown(audit_of(kind_of()))
    assert text.startswith("# Audit: hidden\n")
    assert "| service | 100.0 % (n 40, 91.2 to 100.0 %)" in text
    assert "| a subkey each | linear, 20 pairs | 0.110 (n 3, mean" in text
    assert "40 x it was \\<recompressed\\>" in text
    assert "h/\\<i\\>.png | pairs with \\*nothing\\* |" in text
    assert "    anamorph audit hide --key KEY" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| a subkey each")}
    assert widths == {7}


def test_a_row_that_failed_says_why(kind_of: KindOf, audit_of: AuditOf) -> None:
    kind = kind_of()
    failed = replace(kind.attackers[0], error="MemoryError: [large]", picked=NOTHING)
    text = markdown(audit_of(replace(kind, attackers=(failed,))))
    assert "failed: MemoryError: \\[large\\]" in text
