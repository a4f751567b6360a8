"""What changes inside the models, as a section of the report."""

from collections.abc import Sequence

from anamorph.auditing.analyses import BINS, Analysis, Confidence, Quartiles
from anamorph.auditing.audit import Audit
from anamorph.auditing.looks import Look, LookRow
from anamorph.auditing.markup import text
from anamorph.auditing.wording import as_percent

TALL = 40
"""Units of a histogram's half: its height; each is `BINS` wide."""

LINK = '<li><a href="#inside">Inside the models</a></li>'


def analyses_section(audit: Audit, looks: Sequence[Look]) -> str:
    """The whole section; empty where nothing was analyzed."""
    if not audit.analyses:
        return ""
    title = '<h2 id="inside-title">Inside the models</h2>'
    pictures = "\n".join(_figure(one, audit.authorized.name) for one in looks)
    shown = (
        '<h3>Where they look</h3><p class="soft small">For each model, left to right: Grad-CAM on '
        "the original and on the protected picture, then the last feature map of both, averaged "
        "over its channels. Bright places count most. The pictures that are protected worst come "
        f'first, those protected best last.</p><div class="pictures wide-pictures">{pictures}</div>'
    )
    return (
        f'<section id="inside" aria-labelledby="inside-title">{title}{_table(audit.analyses)}'
        f"{_confidences(audit)}{shown if looks else ''}</section>"
    )


def _table(rows: Sequence[Analysis]) -> str:
    words = (
        "<p>A model that reads a picture as before looks at the same places: its Grad-CAM map "
        "(the places that speak for the class it read in the original) hardly changes, and its "
        "last feature map points the same way. Medians over the pictures; below each, the middle "
        "half of them and their number. A Grad-CAM map on which nothing speaks for the class has "
        "no correlation, and is left out.</p>"
    )
    body = "".join(
        f'<tr><th scope="row">{text(row.model)}<span class="about">'
        f"{text(', '.join(part for part in (row.layer, row.remark) if part))}</span></th>"
        f"{_cell('Grad-CAM, correlation', row.grad_cam)}"
        f"{_cell('last map, cosine', row.activation_map)}"
        f"{_cell('all channels, cosine', row.activation)}</tr>"
        for row in rows
    )
    return (
        f'{words}<div class="scroll" role="region" aria-labelledby="inside-title" tabindex="0">'
        '<table class="stack"><caption>Before against after: 1 is unchanged</caption><thead><tr>'
        '<th scope="col">model and its last layer with a map</th>'
        '<th scope="col" class="number">Grad-CAM, correlation</th>'
        '<th scope="col" class="number">last map averaged, cosine</th>'
        '<th scope="col" class="number">last map, all channels, cosine</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(label: str, found: Quartiles) -> str:
    if found.median is None or found.low is None or found.high is None:
        inside = '<span class="soft">–</span>'
    else:
        inside = (
            f'<data value="{found.median!r}">{found.median:.2f}</data><span class="range">'
            f"{found.low:.2f} to {found.high:.2f} (n {found.n})</span>"
        )
    return f'<td class="number" data-label="{label}">{inside}</td>'


def _confidences(audit: Audit) -> str:
    known = [(row, row.confidence) for row in audit.analyses if row.confidence is not None]
    if not known:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{text(row.model)}</th><td class="bar">{_histogram(row, found)}</td>'
        f"{_sure('originals', found.clean)}{_sure('protected', found.protected)}</tr>"
        for row, found in known
    )
    return (
        '<h3>How sure they are</h3><p class="soft small">The highest softmax value of each '
        "reading: how many pictures lie in each tenth from 0 to 100 %, originals upward, "
        'protected downward. A model can be sure and wrong.</p><table class="bars stack">'
        "<caption>Highest softmax value: median, and the middle half</caption><thead><tr><th "
        'scope="col">model</th><th scope="col"><span class="soft">0 to 100 %</span></th>'
        '<th scope="col" class="number">originals</th><th scope="col" class="number">protected'
        f"</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _histogram(row: Analysis, found: Confidence) -> str:
    most = max(*found.histogram_clean, *found.histogram_protected, 1)
    bars = "".join(
        _bar(i, count / most, kind)
        for kind, counts in (
            ("own", found.histogram_clean),
            ("panel", found.histogram_protected),
        )
        for i, count in enumerate(counts)
        if count
    )
    words = (
        f"{row.model}: pictures by tenths of the highest softmax value; originals "
        f"{', '.join(map(str, found.histogram_clean))}; protected "
        f"{', '.join(map(str, found.histogram_protected))}"
    )
    axis = f'<line class="reach" x1="0" x2="{10 * BINS}" y1="{TALL}" y2="{TALL}"/>'
    return (
        f'<svg class="histogram" viewBox="0 0 {10 * BINS} {2 * TALL}" preserveAspectRatio="none" '
        f'width="{10 * BINS}" height="{2 * TALL}" role="img" aria-label="{text(words)}">'
        f"{bars}{axis}</svg>"
    )


def _bar(place: int, share: float, kind: str) -> str:
    """Originals grow upward from the middle, protected ones downward."""
    tall = (TALL - 2) * share
    top = TALL - tall if kind == "own" else TALL
    return (
        f'<rect class="{kind}" x="{10 * place + 0.5:g}" y="{top:.2f}" width="9" '
        f'height="{tall:.2f}"/>'
    )


def _sure(label: str, found: Quartiles) -> str:
    if found.median is None or found.low is None or found.high is None:
        return f'<td class="number" data-label="{label}"><span class="soft">–</span></td>'
    return (
        f'<td class="number" data-label="{label}"><data value="{found.median!r}">'
        f'{as_percent(found.median)}</data><span class="range">{as_percent(found.low)} to '
        f"{as_percent(found.high)}</span></td>"
    )


def _figure(one: Look, authorized: str) -> str:
    name = text(one.figures.source)
    kept = {r.model: r.right_protected for r in one.figures.readings}
    rows = "".join(_line(row, row.model == authorized, kept.get(row.model)) for row in one.rows)
    return f"<figure>{rows}<figcaption><code>{name}</code></figcaption></figure>"


def _line(row: LookRow, own: bool, kept: bool | None) -> str:
    """A model's four small pictures."""
    width, height = row.size
    shown = []
    if row.grad_cam is not None:
        shown += [("Grad-CAM, original", row.grad_cam[0]), ("protected", row.grad_cam[1])]
    shown += [("last map, original", row.activation[0]), ("protected", row.activation[1])]
    images = "".join(
        f'<div><img width="{width}" height="{height}" alt="{text(row.model)}: {what}" '
        f'src="{address}"><span>{what}</span></div>'
        for what, address in shown
    )
    reads = "" if kept is None else (", reads it right" if kept else ", reads it wrong")
    role = "your model" if own else "unseen model"
    return (
        f'<p class="small"><b>{text(row.model)}</b> <span class="soft">{role}{reads}; last map, '
        f'cosine {row.cosine:.2f}</span></p><div class="four">{images}</div>'
    )
