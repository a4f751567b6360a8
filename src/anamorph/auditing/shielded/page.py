"""The report as one HTML page that needs nothing else: no network, no scripts, no other file."""

from collections.abc import Sequence
from html import escape

from anamorph.auditing.frame import framed
from anamorph.auditing.hidden.tables import text
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
from anamorph.auditing.wording import counted

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
    judged = grade(audit)
    return framed(
        "shielded.html",
        kind="shield",
        title=f"Audit: {escape(judged.capitalize())}",
        grade=escape(judged.capitalize()),
        grade_class=_CLASSES[judged],
        verdict=text(verdict(audit)),
        caution=text(caution(audit)),
        overview=text(overview(audit)),
        problems=_problems(audit),
        broke=breakers_list(audit),
        attacks=attempts_table(audit),
        pictures=gallery(groups),
        accuracy=accuracy_table(audit),
        links=links_table(audit),
        limits="\n".join(f"<li>{text(line)}</li>" for line in limits(audit)),
        how=_how(audit),
    )


def _problems(audit: ShieldAudit) -> str:
    """Pictures that could not be audited, and what else is to be known."""
    parts = []
    if audit.notes:
        parts.append("<ul>" + "".join(f"<li>{text(note)}</li>" for note in audit.notes) + "</ul>")
    if audit.missed:
        items = "".join(
            f"<li><code>{text(one.picture)}</code>: {text(one.reason)}</li>" for one in audit.missed
        )
        parts.append(
            f"<details open><summary>{counted(len(audit.missed), 'picture')} could not be audited"
            f"</summary><ul>{items}</ul></details>"
        )
    if not parts:
        return ""
    title = '<h2 id="notes-title">Of note</h2>'
    return f'<section aria-labelledby="notes-title">{title}{"".join(parts)}</section>'


def _how(audit: ShieldAudit) -> str:
    method = audit.method
    rows = "".join(
        f'<tr><th scope="row">{text(model.name)}</th><td class="wide"><code>'
        f"{escape(model.weights_sha256)}</code></td></tr>"
        for model in (audit.recognizer, audit.judge)
    )
    versions = ", ".join(f"{name} {version}" for name, version in method.versions.items())
    lines = "".join(f"<p>{text(line)}</p>" for line in measuring(audit))
    return (
        f"{lines}<p>To measure it again:</p>"
        f'<pre tabindex="0">{text(method.command)}</pre>'
        f'<table class="stack"><caption>SHA-256 of the weights</caption><tbody>{rows}</tbody>'
        f'</table><p class="soft small">{text(versions)}</p>'
    )
