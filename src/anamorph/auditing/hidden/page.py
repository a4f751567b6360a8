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
    text,
)
from anamorph.auditing.hidden.verdict import Grade, caution, grade, verdict
from anamorph.auditing.wording import counted

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
    judged = grade(audit)
    return framed(
        "hidden.html",
        kind="hide",
        title=f"Audit: {escape(judged.capitalize())}",
        grade=escape(judged.capitalize()),
        grade_class=_CLASSES[judged],
        verdict=text(verdict(audit)),
        caution=text(caution(audit)),
        overview=text(overview(audit)),
        problems=_problems(audit),
        readers=_each(audit, readers_table),
        shows=_each(audit, shows_table),
        attacks=_each(audit, attempts_table),
        spoiled=_each(audit, spoiled_table),
        pictures=gallery(shots),
        limits="\n".join(f"<li>{text(line)}</li>" for line in limits(audit)),
        how=_how(audit),
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


def _problems(audit: HideAudit) -> str:
    """Pictures that could not be audited, and what else is to be known."""
    parts = []
    if audit.notes:
        parts.append("<ul>" + "".join(f"<li>{text(note)}</li>" for note in audit.notes) + "</ul>")
    if audit.failed:
        items = "".join(
            f"<li><code>{text(image.source or image.output)}</code>: {text(image.reason)}</li>"
            for image in audit.failed
        )
        parts.append(
            f"<details open><summary>{counted(len(audit.failed), 'picture')} could not be audited"
            f"</summary><ul>{items}</ul></details>"
        )
    if not parts:
        return ""
    title = '<h2 id="notes-title">Of note</h2>'
    return f'<section aria-labelledby="notes-title">{title}{"".join(parts)}</section>'


def _how(audit: HideAudit) -> str:
    method = audit.method
    models = [audit.service] + ([audit.judge] if audit.judge is not None else [])
    rows = "".join(
        f'<tr><th scope="row">{text(model.name)}</th><td class="wide"><code>'
        f"{escape(model.weights_sha256)}</code></td></tr>"
        for model in models
    )
    versions = ", ".join(f"{name} {version}" for name, version in method.versions.items())
    lines = "".join(f"<p>{text(line)}</p>" for line in measuring(audit))
    return (
        f"{lines}<p>To measure it again:</p>"
        f'<pre tabindex="0">{text(method.command)}</pre>'
        f'<table class="stack"><caption>SHA-256 of the weights</caption><tbody>{rows}</tbody>'
        f'</table><p class="soft small">{text(versions)}</p>'
    )
