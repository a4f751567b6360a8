"""The report as one HTML page that needs nothing else: no network, no scripts, no other file."""

from collections.abc import Sequence
from html import escape

from anamorph.auditing.analyses_page import LINK, analyses_section
from anamorph.auditing.audit import Audit
from anamorph.auditing.bars import attack_table, cell, noise_table
from anamorph.auditing.figures import ModelFigures
from anamorph.auditing.frame import framed
from anamorph.auditing.gallery import Shot, gallery
from anamorph.auditing.learners import learners
from anamorph.auditing.limits import limits, measuring, overview
from anamorph.auditing.looks import Look
from anamorph.auditing.markup import how, of_note, text
from anamorph.auditing.verdict import breakers, caution, grade, verdict
from anamorph.auditing.wording import counted


def page(
    audit: Audit, worst: Sequence[Shot], best: Sequence[Shot], looks: Sequence[Look] = ()
) -> str:
    """The whole page.

    Args:
        audit: where every number comes from.
        worst: the pictures that are protected worst, first the worst.
        best: the pictures that are protected best, first the best.
        looks: where the models look at some of them.
    """
    judged, method = grade(audit), audit.method
    return framed(
        "report.html",
        kind="protect",
        title=f"Audit: {escape(judged.capitalize())}",
        grade=escape(judged.capitalize()),
        grade_class=judged.replace(" ", "-"),
        verdict=text(verdict(audit)),
        caution=text(caution(audit)),
        overview=text(overview(audit)),
        problems=of_note(
            audit.notes, [(one.source or one.output, one.reason) for one in audit.failed]
        ),
        models_note=text(_models_note(audit)),
        models="\n".join(_rows(audit)),
        attacks=_attacks(audit),
        noise=noise_table(audit),
        adaptive=learners(audit),
        pictures=gallery(audit, worst, best),
        inside=analyses_section(audit, looks),
        inside_link=LINK if audit.analyses else "",
        limits="\n".join(f"<li>{text(line)}</li>" for line in limits(audit)),
        how=how(
            measuring(audit), method.command, method.versions, (audit.authorized, *audit.panel)
        ),
    )


def _models_note(audit: Audit) -> str:
    right = (
        "Right means: the label that was given."
        if audit.method.labeled
        else "No labels were given: right means what the model itself reads in the original."
    )
    return (
        f"{right} Kept: of the originals that a model reads right, the share whose protected "
        "version it reads right. High is good for your model, low for the others."
    )


def _rows(audit: Audit) -> list[str]:
    rows = [_row(audit.authorized, "your model")]
    for model in audit.panel:
        role = "was used while protecting: not counted" if model.surrogate else "unseen"
        rows.append(_row(model, role))
    return rows


def _row(model: ModelFigures, role: str) -> str:
    head = f'<th scope="row">{text(model.name)}<span class="about">{escape(role)}</span></th>'
    if model.error:
        return f'<tr>{head}<td class="wide" colspan="5">failed: {text(model.error)}</td></tr>'
    if model.cosine is not None:
        confidence = (
            f'<td class="number" data-label="mean cosine"><data value="{model.cosine!r}">'
            f'{model.cosine:.3f}</data><span class="range">mean cosine</span></td>'
        )
    else:
        before = cell(model.confidence_clean, interval=False)
        after = cell(model.confidence_protected, interval=False)
        confidence = f'<td class="number" data-label="confidence">{before} → {after}</td>'
    cells = (
        ("originals read right", model.clean),
        ("protected read right", model.protected),
        ("readings kept", model.kept),
        ("same answer as before", model.agreement),
    )
    numbers = "".join(
        f'<td class="number" data-label="{label}">{cell(figure)}</td>' for label, figure in cells
    )
    return f"<tr>{head}{numbers}{confidence}</tr>"


def _attacks(audit: Audit) -> str:
    attacks = breakers(audit)
    if not attacks:
        return "<p>No attack was tried. Run the audit with <code>--transforms all</code>.</p>"
    broken = [b.name for b in attacks if b.breaks]
    if audit.means.kept.value is None:
        words = "No model of the panel could be measured."
    elif grade(audit) == "not protected":
        words = (
            "The pictures are not protected even as they are, so there was little to break: see "
            f"what each of the {counted(len(attacks), 'attack')} tried leaves."
        )
    elif broken:
        words = (
            f"Half of the readings or more are back under {', '.join(broken)}, "
            f"of {counted(len(attacks), 'attack')} tried."
        )
    else:
        words = (
            f"None of the {counted(len(attacks), 'attack')} tried gave half of the readings back. "
            "Others may."
        )
    return f"<p>{text(words)}</p>\n{attack_table(audit, attacks)}"
