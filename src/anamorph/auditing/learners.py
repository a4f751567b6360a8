"""Attackers who learn from protected pictures, as a section of the report."""

from html import escape

from anamorph.auditing.audit import Audit
from anamorph.auditing.bars import cell
from anamorph.auditing.figures import AdaptiveFigures, DetectionFigures
from anamorph.auditing.wording import counted, interval, percent, printable

WAYS = {"labels": "right labels", "distilled": "what it answers for the originals"}
"""What was learned, in words."""


def learners(audit: Audit) -> str:
    """What attackers read who learned, and whether protected pictures are told from originals."""
    parts = [_table(audit)] if audit.adaptive else []
    if audit.detection is not None:
        parts.append(f"<p>{escape(told_apart(audit.detection))}</p>")
    if not audit.adaptive:
        parts.append(
            "<p>Not tried: a model that learns to read protected pictures. Run the audit with "
            "<code>--distill 100</code>, or with <code>--adaptive 100</code> and labels. Take it "
            "that such an attacker reads the pictures.</p>"
        )
    return "\n".join(parts)


def told_apart(found: DetectionFigures) -> str:
    """What a detector does, in words."""
    return (
        f"A detector that learned from {counted(found.learned_from, 'picture')}, half of them "
        f"protected, tells {percent(found.accuracy)} of {found.held_out} others rightly "
        f"{interval(found.accuracy)}; 50 % is chance. A protected picture scores above an original "
        f"in {percent(found.auc)} of all pairs {interval(found.auc)}. Who can tell them apart "
        "can refuse them, or clean only them."
    )


def remarks(row: AdaptiveFigures) -> str:
    """What must be known of an attacker's figures; empty where nothing must."""
    early = "stopped early" if not row.complete else ""
    unlearned = "" if row.learned else "learned too little: it lost its readings of originals too"
    return ", ".join(part for part in (early, unlearned) if part)


def _table(audit: Audit) -> str:
    rows = "".join(_row(row) for row in audit.adaptive)
    return (
        "<p>A model of the panel learned from some of the protected pictures and then read the "
        "others: from right labels, or from what it answers for the originals, which needs no "
        "labels. No protection of this kind withstands it.</p>"
        '<table class="stack"><thead><tr><th scope="col">learned from</th><th scope="col" '
        'class="number">originals read right</th><th scope="col" class="number">kept before '
        'learning</th><th scope="col" class="number">kept after learning</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(row: AdaptiveFigures) -> str:
    about = ", ".join(part for part in (row.model, WAYS[row.way], remarks(row)) if part)
    return (
        f'<tr><th scope="row">{counted(row.pictures, "picture")}<span class="about">'
        f"{escape(printable(about))}</span></th>"
        f'<td class="number" data-label="originals read right">{cell(row.clean_after)}</td>'
        f'<td class="number" data-label="kept before learning">{cell(row.before)}</td>'
        f'<td class="number" data-label="kept after learning">{cell(row.after)}</td></tr>'
    )
