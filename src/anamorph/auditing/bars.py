"""Figures as table cells and as bars in inline SVG, with their text beside them."""

from collections.abc import Sequence
from html import escape

from anamorph.auditing.audit import Audit
from anamorph.auditing.verdict import Breaker
from anamorph.auditing.wording import interval as interval_of
from anamorph.auditing.wording import percent
from anamorph.metrics.accuracy import Share

WIDE = 100
TALL = 30
BAR = 10
"""Units of a chart row: its width in percent, its height, and that of one bar."""

KEY = """<ul class="key">
<li><svg width="14" height="14" aria-hidden="true"><rect class="panel" width="14" height="14"/></svg>unseen models, mean</li>
<li><svg width="14" height="14" aria-hidden="true"><rect class="own" width="14" height="14"/></svg>your model</li>
<li><svg width="14" height="14" aria-hidden="true"><line class="reach" x1="0" x2="14" y1="7" y2="7"/></svg>95 % interval</li>
<li><svg width="14" height="14" aria-hidden="true"><line class="reference" x1="7" x2="7" y1="0" y2="14"/></svg>the same attack on unprotected originals</li>
</ul>"""  # noqa: E501 - a line for every entry of the key


def cell(share: Share, *, interval: bool = True) -> str:
    """A share for people, with its exact value for machines."""
    if share.value is None:
        return '<span class="soft">–</span>'
    figure = f'<data value="{share.value!r}">{percent(share)}</data>'
    return figure + (f'<span class="range">{interval_of(share)}</span>' if interval else "")


def attack_table(audit: Audit, attacks: Sequence[Breaker]) -> str:
    """A row of bars for every attack, below one for the untouched files."""
    plain = _row(
        "none",
        "the protected files as they are",
        (audit.means.kept, None),
        (audit.authorized.kept, None),
    )
    rows = [
        _row(
            attack.name,
            attack.meaning,
            (attack.panel.kept, attack.panel.clean),
            (attack.authorized.kept, attack.authorized.clean),
        )
        for attack in attacks
    ]
    return _table(
        "Readings kept under each attack, of those that were right on the untouched originals",
        "attack",
        [plain, *rows],
    )


def noise_table(audit: Audit) -> str:
    """A row of bars for every control, below one for the protection."""
    if not audit.means.controls:
        return "<p>Not measured: the audit was run with <code>--no-controls</code>.</p>"
    rows = [
        _row(
            "protection",
            "what was done to the pictures",
            (audit.means.kept, None),
            (audit.authorized.kept, None),
        )
    ]
    for name, kept in audit.means.controls.items():
        own = audit.authorized.controls[name]
        rows.append(_row(name, audit.method.controls[name], (kept, None), (own, None)))
    words = (
        "<p>Each picture got noise instead of its protection, of the same size. Where models read "
        "the noisy pictures as well as the protected ones, the protection is no better than "
        "noise.</p>"
    )
    return words + _table("Readings kept with noise of the same size", "change", rows)


def _table(caption: str, what: str, rows: Sequence[str]) -> str:
    return (
        f'{KEY}\n<table class="bars stack"><caption>{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">{what}</th><th scope="col"><span class="soft">0 to 100 %'
        '</span></th><th scope="col" class="number">unseen models</th>'
        '<th scope="col" class="number">your model</th></tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table>"
    )


def _row(
    name: str,
    meaning: str,
    panel: tuple[Share, Share | None],
    own: tuple[Share, Share | None],
) -> str:
    bars = _bar(*panel, "panel", 2) + _bar(*own, "own", TALL - BAR - 2)
    words = f"unseen models {percent(panel[0])}, your model {percent(own[0])}"
    return (
        f'<tr><th scope="row">{escape(name)}<span class="about">{escape(meaning)}</span></th>'
        f'<td class="bar"><svg viewBox="0 0 {WIDE} {TALL}" preserveAspectRatio="none" '
        f'width="{WIDE}" height="{TALL}" role="img" aria-label="{escape(words)}">{bars}</svg></td>'
        f"{_number('unseen models', *panel)}{_number('your model', *own)}</tr>"
    )


def _number(label: str, share: Share, reference: Share | None) -> str:
    below = ""
    if reference is not None and reference.value is not None:
        below = f'<span class="range">originals: {cell(reference, interval=False)}</span>'
    return f'<td class="number" data-label="{label}">{cell(share)}{below}</td>'


def _bar(share: Share, reference: Share | None, kind: str, top: int) -> str:
    """A bar of a share in [0, 1], its interval, and a mark where the reference is."""
    out = f'<rect class="track" x="0" y="{top}" width="{WIDE}" height="{BAR}"/>'
    if share.value is not None:
        middle = top + BAR / 2
        out += (
            f'<rect class="{kind}" x="0" y="{top}" width="{WIDE * share.value:.2f}" '
            f'height="{BAR}"/><line class="reach" x1="{WIDE * share.low:.2f}" '
            f'x2="{WIDE * share.high:.2f}" y1="{middle:g}" y2="{middle:g}"/>'
        )
    if reference is not None and reference.value is not None:
        at = f"{WIDE * reference.value:.2f}"
        out += f'<line class="reference" x1="{at}" x2="{at}" y1="{top - 1}" y2="{top + BAR + 1}"/>'
    return out
