"""The report without pictures: the same figures, and names that are no markup."""

from collections.abc import Callable
from dataclasses import replace

from anamorph.auditing.shielded.figures import Attempt
from anamorph.auditing.shielded.markdown import markdown
from anamorph.auditing.shielded.result import ShieldAudit


def test_every_section_is_there_with_its_figures(
    audit_of: Callable[..., ShieldAudit], row_of: Callable[..., Attempt]
) -> None:
    crashed = replace(row_of("inversion"), shielded=None, clean=None, error="of *memory*")
    text = markdown(audit_of(row_of("unseen", 18), crashed))
    assert text.startswith("# Audit: not shielded\n")
    assert "| a unseen one | decoders that never saw a shielded record | record | 0.210" in text
    assert "| 90.0 % (n 20, 69.9 to 97.2 %) |" in text
    assert "failed: of \\*memory\\*" in text
    assert "| two stores | 20 and 380 others | 0.510 | 0.490 | 0.100 | 0.200 |" in text
    assert "not measured: too few" in text
    assert "| clean features | 95.0 % (n 20, 76.4 to 99.1 %) | 90.0 %" in text
    assert "no row of the \\*store\\*" in text
    assert "    anamorph audit shield --key KEY" in text


def test_without_accuracy_the_reason_stands_in_its_place(
    audit_of: Callable[..., ShieldAudit],
) -> None:
    audit = audit_of()
    blind = replace(audit.accuracy, before=None, after=None, reason="give --probes")
    assert "give --probes" in markdown(replace(audit, accuracy=blind))
