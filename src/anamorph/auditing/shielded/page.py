"""The report as one HTML page that needs nothing else: no network, no scripts, no other file."""

from collections.abc import Sequence
from html import escape

from anamorph.auditing.frame import framed
from anamorph.auditing.markup import how, of_note, text
from anamorph.auditing.shielded.gallery import Group, gallery
from anamorph.auditing.shielded.limits import limits, measuring, overview
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.tables import (
    accuracy_table,
    attempts_table,
    breakers_list,
    links_table,
)
from anamorph.auditing.shielded.verdict import Grade, caution, grade, verdict

_CLASSES: dict[Grade, str] = {
    "shielded": "protected",
    "partly shielded": "partly-protected",
    "not shielded": "not-protected",
    "too few to tell": "unknown",
    "unknown": "unknown",
}


def page(audit: ShieldAudit, groups: Sequence[Group]) -> str:
    """The whole page.

    Args:
        audit: where every number comes from.
        groups: pictures, of one attacker each.
    """
    judged, method = grade(audit), audit.method
    return framed(
        "shielded.html",
        kind="shield",
        title=f"Audit: {escape(judged.capitalize())}",
        grade=escape(judged.capitalize()),
        grade_class=_CLASSES[judged],
        verdict=text(verdict(audit)),
        caution=text(caution(audit)),
        overview=text(overview(audit)),
        problems=of_note(audit.notes, [(one.picture, one.reason) for one in audit.missed]),
        broke=breakers_list(audit),
        attacks=attempts_table(audit),
        pictures=gallery(groups),
        accuracy=accuracy_table(audit),
        links=links_table(audit),
        limits="\n".join(f"<li>{text(line)}</li>" for line in limits(audit)),
        how=how(measuring(audit), method.command, method.versions, (audit.recognizer, audit.judge)),
    )
