"""The tables of the page, one function for each."""

from collections.abc import Iterable, Sequence
from html import escape

from anamorph.auditing.hidden.result import rounded
from anamorph.auditing.hidden.spread import Spread
from anamorph.auditing.hidden.tables import share_cell, spread_cell, text
from anamorph.auditing.hidden.words import figure
from anamorph.auditing.shielded.figures import GROUPS, Attempt, Link, Matching
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import Breaker, breakers, who
from anamorph.auditing.wording import as_percent, percent
from anamorph.metrics.accuracy import Share

_ATTEMPT = ("SSIM", "PSNR, dB", "identity cosine", "faces picked", "replayed")
_NONE = '<span class="soft">–</span>'


def attempts_table(audit: ShieldAudit) -> str:
    """What every attacker shows, from records and from clean features."""
    rows = [
        line
        for group, title in GROUPS.items()
        if (attempts := [row for row in audit.attempts if row.group == group])
        for line in (
            f'<tr class="group"><th scope="rowgroup" colspan="{len(_ATTEMPT) + 1}">'
            f"{escape(title)}</th></tr>",
            *map(_attempt, attempts),
        )
    ]
    return _table(
        f"Reconstructions of {audit.store.attacked} faces from their records; guessing blindly "
        f"picks {as_percent(audit.method.chance)} of them. Clean: the same from clean features",
        ("who", *_ATTEMPT),
        rows,
    )


def breakers_list(audit: ShieldAudit) -> str:
    """Who gets somewhere: of each kind of attacker the best, in a sentence."""
    found = breakers(audit)
    if not found:
        return "<p>None of the attackers that were tried. Others may.</p>"
    best = {one.row.group: one for one in reversed(found)}
    items = "".join(f"<li>{text(_broke(best[g]))}</li>" for g in GROUPS if g in best)
    return f"<ul>{items}</ul>"


def accuracy_table(audit: ShieldAudit) -> str:
    """The matcher before and after."""
    found = audit.accuracy
    why = f"<p>{text(found.reason.capitalize())}.</p>" if found.reason else ""
    if found.before is None:
        return why
    sides = (found.before, found.after)
    rows = [_row("accuracy", "at the threshold best for clean", [_accuracy(s) for s in sides])]
    for far in found.before.tar:
        meaning = f"of {found.impostor} pairs of two people, {as_percent(float(far))} pass"
        cells = [_NONE if side is None else _enough(side.tar[far], far) for side in sides]
        rows.append(_row(f"TAR at FAR {float(far):g}", meaning, cells))
    kept = "pairs of one person that pass at the clean threshold"
    rows.append(_row("accepted", kept, ["", share_cell(found.accepted)]))
    if audit.store.self_cosine is not None:
        about = "of the embeddings of record and clean feature"
        rows.append(_row("self-cosine", about, ["", spread_cell(audit.store.self_cosine)]))
    caption = f"{found.genuine} pairs of one person; probes: {found.probes}"
    return _table(caption, ("measure", "clean features", "shielded records"), rows) + why


def links_table(audit: ShieldAudit) -> str:
    """What can be linked, and whether a new shield helps."""
    return _table(
        "Whether records that belong together can be told, by the matcher's cosine",
        ("what", "AUC", "equal error rate", "D_sys", "accepted"),
        [_link(link) for link in audit.links],
    )


def _broke(one: Breaker) -> str:
    shown = one.row.shielded
    ways = []
    if shown is not None and one.picks:
        ways.append(f"picks {percent(shown.picked)} of the faces")
    if shown is not None and one.passes:
        ways.append(f"passes for its person in {percent(shown.replayed)}")
    return f"{GROUPS[one.row.group].capitalize()}: {who(one.row)} {' and '.join(ways)}."


def _attempt(row: Attempt) -> str:
    if row.error or row.shielded is None:
        cells = f'<td class="wide" colspan="{len(_ATTEMPT)}">failed: {text(row.error)}</td>'
        return f"<tr>{_head(who(row), row.meaning)}{cells}</tr>"
    one, clean = row.shielded, row.clean
    spreads: tuple[tuple[Spread | None, Spread | None, int], ...] = (
        (one.ssim, None if clean is None else clean.ssim, 3),
        (one.psnr, None if clean is None else clean.psnr, 1),
        (one.identity, None if clean is None else clean.identity, 3),
    )
    shares: tuple[tuple[Share, Share | None], ...] = (
        (one.picked, None if clean is None else clean.picked),
        (one.replayed, None if clean is None else clean.replayed),
    )
    cells_ = [
        _measured(measure, digits) + _from_clean(None if c is None else figure(c, digits))
        for measure, c, digits in spreads
    ] + [share_cell(s) + _from_clean(None if c is None else percent(c)) for s, c in shares]
    return _row(who(row), row.meaning, cells_, _ATTEMPT)


def _measured(measure: Spread | None, digits: int) -> str:
    """A mean with its interval; n stands beside the shares, and the extremes in the JSON."""
    if measure is None:
        return _NONE
    found = f'<data value="{rounded(measure.mean)!r}">{figure(measure, digits)}</data>'
    if measure.low is None or measure.high is None:
        return found
    reach = f"{measure.low:.{digits}f} to {measure.high:.{digits}f}"
    return f'{found}<span class="range">{reach}</span>'


def _from_clean(words: str | None) -> str:
    return "" if words is None else f'<span class="range">clean: {words}</span>'


def _accuracy(side: Matching | None) -> str:
    return _NONE if side is None else share_cell(side.accuracy)


def _enough(found: Share, far: str) -> str:
    if found.value is None:
        least = round(1 / float(far))
        return f'{_NONE}<span class="range">needs {least} pairs of two people</span>'
    return share_cell(found)


def _link(link: Link) -> str:
    if link.reason:
        wide = f'<td class="wide" colspan="4">not measured: {text(link.reason)}</td>'
        return f"<tr>{_head(link.name, link.meaning)}{wide}</tr>"
    d_sys = _number(link.d_sys)
    if link.d_sys_by_chance is not None:
        d_sys += f'<span class="range">by chance {_number(link.d_sys_by_chance)}</span>'
    pairs = f"{link.meaning}; {link.mated} pairs, {link.others} others"
    cells = [_number(link.auc), _number(link.equal_error_rate), d_sys, share_cell(link.accepted)]
    return _row(link.name, pairs, cells, ("AUC", "equal error rate", "D_sys", "accepted"))


def _number(value: float | None) -> str:
    return _NONE if value is None else f'<data value="{rounded(value)!r}">{value:.3f}</data>'


def _row(name: str, meaning: str, cells: Sequence[str], labels: Sequence[str] = ()) -> str:
    labeled = [f' data-label="{escape(label)}"' for label in labels] or [""] * len(cells)
    columns = "".join(
        f'<td class="number"{label}>{cell}</td>' for cell, label in zip(cells, labeled, strict=True)
    )
    return f"<tr>{_head(name, meaning)}{columns}</tr>"


def _head(name: str, meaning: str) -> str:
    about = f'<span class="about">{text(meaning)}</span>' if meaning else ""
    return f'<th scope="row">{text(name)}{about}</th>'


def _table(caption: str, columns: Sequence[str], rows: Iterable[str]) -> str:
    heads = "".join(
        f'<th scope="col"{" class=number" if i else ""}>{escape(column)}</th>'
        for i, column in enumerate(columns)
    )
    return (
        f'<div class="scroll" role="region" aria-label="{text(caption)}" tabindex="0">'
        f'<table class="stack"><caption>{text(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )
