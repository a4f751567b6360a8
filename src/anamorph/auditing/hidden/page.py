"""The report as one HTML page that needs nothing else: no network, no scripts, no other file."""

from collections.abc import Callable, Sequence
from html import escape

from anamorph.auditing.frame import framed
from anamorph.auditing.hidden.figures import KindFigures
from anamorph.auditing.hidden.gallery import Shot, gallery
from anamorph.auditing.hidden.limits import limits, measuring, overview
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.tables import (
    attempts_table,
    readers_table,
    shows_table,
    spoiled_table,
)
from anamorph.auditing.hidden.verdict import Grade, caution, grade, verdict
from anamorph.auditing.markup import how, of_note, text

_CLASSES: dict[Grade, str] = {
    "hidden": "protected",
    "partly hidden": "partly-protected",
    "not hidden": "not-protected",
    "too few to tell": "unknown",
    "unknown": "unknown",
}


def page(audit: HideAudit, shots: Sequence[tuple[str, str, Sequence[Shot]]]) -> str:
    """The whole page.

    Args:
        audit: where every number comes from.
        shots: groups of pictures with title and note.
    """
    judged, method = grade(audit), audit.method
    return framed(
        "hidden.html",
        kind="hide",
        title=f"Audit: {escape(judged.capitalize())}",
        grade=escape(judged.capitalize()),
        grade_class=_CLASSES[judged],
        verdict=text(verdict(audit)),
        caution=text(caution(audit)),
        overview=text(overview(audit)),
        problems=of_note(
            audit.notes, [(one.source or one.output, one.reason) for one in audit.failed]
        ),
        readers=_each(audit, readers_table),
        shows=_each(audit, shows_table),
        attacks=_each(audit, attempts_table),
        spoiled=_each(audit, spoiled_table),
        pictures=gallery(shots),
        limits="\n".join(f"<li>{text(line)}</li>" for line in limits(audit)),
        how=how(
            measuring(audit),
            method.command,
            method.versions,
            [m for m in (audit.service, audit.judge) if m is not None],
        ),
    )


def _each(audit: HideAudit, table: Callable[[KindFigures], str]) -> str:
    """A table for every kind, titled where there are several."""
    if not audit.kinds:
        return "<p>No picture could be audited.</p>"
    several = len(audit.kinds) > 1
    return "\n".join(
        (f"<h3>{escape(kind.kind.capitalize())}</h3>\n" if several else "") + table(kind)
        for kind in audit.kinds
    )
