"""The tables of the page, one function for each."""

from anamorph.auditing.hidden.spread import Spread
from anamorph.auditing.hidden.tables import spread_cell
from anamorph.auditing.hidden.words import figure
from anamorph.auditing.markup import (
    NONE,
    exact,
    failed_row,
    figures_row,
    figures_table,
    group_row,
    share_cell,
    text,
)
from anamorph.auditing.shielded.figures import GROUPS, Attempt, Link, Matching
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.shielded.verdict import Breaker, breakers, who
from anamorph.auditing.wording import as_percent, percent
from anamorph.metrics.accuracy import Share

_ATTEMPT = ("SSIM", "PSNR, dB", "identity cosine", "faces picked", "replayed")


def attempts_table(audit: ShieldAudit) -> str:
    """What every attacker shows, from records and from clean features."""
    rows = [
        line
        for group, title in GROUPS.items()
        if (attempts := [row for row in audit.attempts if row.group == group])
        for line in (
            group_row(title, len(_ATTEMPT) + 1),
            *map(_attempt, attempts),
        )
    ]
    return figures_table(
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
    rows = [
        figures_row("accuracy", "at the threshold best for clean", [_accuracy(s) for s in sides])
    ]
    for far in found.before.tar:
        meaning = f"of {found.impostor} pairs of two people, {as_percent(float(far))} pass"
        cells = [NONE if side is None else _enough(side.tar[far], far) for side in sides]
        rows.append(figures_row(f"TAR at FAR {float(far):g}", meaning, cells))
    kept = "pairs of one person that pass at the clean threshold"
    rows.append(figures_row("accepted", kept, ["", share_cell(found.accepted)]))
    if audit.store.self_cosine is not None:
        about = "of the embeddings of record and clean feature"
        rows.append(figures_row("self-cosine", about, ["", spread_cell(audit.store.self_cosine)]))
    caption = f"{found.genuine} pairs of one person; probes: {found.probes}"
    return figures_table(caption, ("measure", "clean features", "shielded records"), rows) + why


def links_table(audit: ShieldAudit) -> str:
    """What can be linked, and whether a new shield helps."""
    return figures_table(
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
        return failed_row(who(row), row.meaning, len(_ATTEMPT), f"failed: {row.error}")
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
    return figures_row(who(row), row.meaning, cells_, _ATTEMPT)


def _measured(measure: Spread | None, digits: int) -> str:
    """A mean with its interval; n stands beside the shares, and the extremes in the JSON."""
    if measure is None:
        return NONE
    found = exact(measure.mean, figure(measure, digits))
    if measure.low is None or measure.high is None:
        return found
    reach = f"{measure.low:.{digits}f} to {measure.high:.{digits}f}"
    return f'{found}<span class="range">{reach}</span>'


def _from_clean(words: str | None) -> str:
    return "" if words is None else f'<span class="range">clean: {words}</span>'


def _accuracy(side: Matching | None) -> str:
    return NONE if side is None else share_cell(side.accuracy)


def _enough(found: Share, far: str) -> str:
    if found.value is None:
        least = round(1 / float(far))
        return f'{NONE}<span class="range">needs {least} pairs of two people</span>'
    return share_cell(found)


def _link(link: Link) -> str:
    if link.reason:
        return failed_row(link.name, link.meaning, 4, f"not measured: {link.reason}")
    d_sys = _number(link.d_sys)
    if link.d_sys_by_chance is not None:
        d_sys += f'<span class="range">by chance {_number(link.d_sys_by_chance)}</span>'
    pairs = f"{link.meaning}; {link.mated} pairs, {link.others} others"
    cells = [_number(link.auc), _number(link.equal_error_rate), d_sys, share_cell(link.accepted)]
    return figures_row(link.name, pairs, cells, ("AUC", "equal error rate", "D_sys", "accepted"))


def _number(value: float | None) -> str:
    return NONE if value is None else exact(value, f"{value:.3f}")
