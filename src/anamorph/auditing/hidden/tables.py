"""The tables of the page, one function for each."""

from collections.abc import Iterable, Sequence
from html import escape

from anamorph.auditing.hidden.figures import Attempt, KindFigures, ReaderFigures, Spoiled
from anamorph.auditing.hidden.result import rounded
from anamorph.auditing.hidden.spread import Spread
from anamorph.auditing.hidden.words import extent, figure, who
from anamorph.auditing.wording import interval, percent, printable
from anamorph.metrics.accuracy import Share

_GROUPS = 4  # columns of an attempt, without the one that names it


def text(words: str) -> str:
    """Words from files and models, for the page."""
    return escape(printable(words))


def readers_table(kind: KindFigures) -> str:
    """Who reads the hidden pictures as the originals."""
    rows = [_reader(kind.service, "service model: is to read them")]
    if kind.judge is not None:
        rows.append(_reader(kind.judge, "took no part: is to see nothing"))
    return _table(
        "Who reads the hidden pictures as their originals",
        ("model", "read as the original", "cosine", "found in the gallery", "by guessing"),
        rows,
    )


def shows_table(kind: KindFigures) -> str:
    """What can be read off without a key."""
    shows = kind.shows
    rows = [
        _measured(
            "SSIM", "of hidden and original; unrelated noise has about 0.01", spread_of=shows.ssim
        ),
        _measured(
            "block correlation",
            "its size, of the mean light of 8 x 8 blocks: outlines show here first",
            spread_of=shows.block_correlation,
        ),
    ]
    if shows.probe_r2 is not None:
        noise = "-" if shows.probe_r2_of_noise is None else f"{shows.probe_r2_of_noise:.3f}"
        rows.append(
            _row(
                "linear probe, R2",
                f"learned from {shows.probe_pairs} pairs, tried on others; 1 reads the originals "
                f"off, 0 or less nothing; noise in place of the pictures: {noise}",
                [_data(shows.probe_r2, f"{shows.probe_r2:.3f}")],
            )
        )
    if kind.judge is not None and kind.judge.cosine is not None:
        rows.append(
            _measured(
                "identity cosine", f"as {kind.judge.name} sees it", spread_of=kind.judge.cosine
            )
        )
    rows.append(
        _row(
            "pictures in which the original shows",
            "more than chance gives unrelated pictures of this size",
            [share_cell(shows.readable)],
        )
    )
    rows.append(
        _row(
            "originals picked",
            f"by who compares blocks of light; guessing picks {100 * shows.looked_at.chance:.1f} %",
            [share_cell(shows.looked_at.picked)],
        )
    )
    wrong = kind.wrong_keys
    rows += [
        _row("wrong keys refused", "by reveal, which checks them", [share_cell(wrong.refused)]),
        _row(
            "wrong keys used by force that get nothing",
            "the seal does not open; where it is 0 % something comes out, measured below",
            [share_cell(wrong.nothing)],
        ),
    ]
    for name, measure in (
        ("SSIM under a wrong key", wrong.ssim),
        ("block correlation under a wrong key", wrong.block_correlation),
        ("identity cosine under a wrong key", wrong.identity),
    ):
        if measure is not None:
            rows.append(_measured(name, "of what comes out by force", spread_of=measure))
    return _table(
        "Of hidden picture and original, unless it says otherwise", ("measure", "figure"), rows
    )


def attempts_table(kind: KindFigures) -> str:
    """What attackers reach, beside what can be had without looking."""
    groups = (
        ("without looking: the least that attackers must beat", kind.references),
        ("with pairs, each picture under a subkey of its own: as written", kind.attackers),
        ("with pairs under one subkey for all: simulated, no file is written so", kind.shared),
        ("with the service model and no pairs: feature inversion", kind.inverted),
    )
    rows = [
        line
        for title, attempts in groups
        if attempts
        for line in (
            f'<tr class="group"><th scope="rowgroup" colspan="{_GROUPS + 1}">{escape(title)}'
            "</th></tr>",
            *(_attempt(row) for row in attempts),
        )
    ]
    if not rows:
        return "<p>No attacker was tried: there are too few pictures to learn from.</p>"
    return _table(
        f"Guesses at {kind.unseen} originals that attackers did not learn from; guessing blindly "
        f"picks {100 * _chance(kind):.1f} % of them",
        ("who", "SSIM", "block correlation", "identity cosine", "originals picked"),
        rows,
    )


def spoiled_table(kind: KindFigures) -> str:
    """What is left of spoiled files."""
    if not kind.spoiled:
        return "<p>Nothing was tried.</p>"
    return _table(
        "What is left when the file is changed on its way",
        ("change", "read by the service model", "revealed", "bit for bit", "PSNR, dB", "SSIM"),
        [_spoiled(row) for row in kind.spoiled],
    )


def share_cell(share: Share) -> str:
    """A share with its interval, and its exact value for machines."""
    if share.value is None:
        return _NONE
    found = _data(share.value, percent(share))
    return f'{found}<span class="range">{interval(share)}</span>'


def spread_cell(measure: Spread | None, digits: int = 3) -> str:
    """A mean with its extremes."""
    if measure is None:
        return _NONE
    found = _data(measure.mean, figure(measure, digits))
    return f'{found}<span class="range">{extent(measure, digits)}</span>'


_NONE = '<span class="soft">–</span>'


def _data(value: float, shown: str) -> str:
    return f'<data value="{rounded(value)!r}">{shown}</data>'


def _reader(reader: ReaderFigures, role: str) -> str:
    if reader.error:
        cells = f'<td class="wide" colspan="4">not measured: {text(reader.error)}</td>'
        return f"<tr>{_head(reader.name, role)}{cells}</tr>"
    by_chance = f"{100 * reader.chance:.1f} %" if reader.found.n else "–"
    return _row(
        reader.name,
        role,
        [share_cell(reader.kept), spread_cell(reader.cosine), share_cell(reader.found), by_chance],
        ("read as the original", "cosine", "found in the gallery", "by guessing"),
    )


def _measured(name: str, meaning: str, *, spread_of: Spread | None) -> str:
    return _row(name, meaning, [spread_cell(spread_of)])


def _attempt(row: Attempt) -> str:
    if row.error:
        cells = f'<td class="wide" colspan="{_GROUPS}">failed: {text(row.error)}</td>'
        return f"<tr>{_head(who(row), row.meaning)}{cells}</tr>"
    measures = (row.ssim, row.block_correlation, row.identity)
    return _row(
        who(row),
        row.meaning,
        [*map(spread_cell, measures), share_cell(row.picked)],
        ("SSIM", "block correlation", "identity cosine", "originals picked"),
    )


def _spoiled(row: Spoiled) -> str:
    why = "".join(f"; refused {n} times: {reason}" for reason, n in row.reasons.items())
    read = share_cell(row.read)
    if row.cosine is not None:
        read += f'<span class="range">cosine {figure(row.cosine)}</span>'
    return _row(
        row.name,
        row.meaning + why,
        [
            read,
            share_cell(row.revealed),
            share_cell(row.exact),
            spread_cell(row.psnr, 1),
            spread_cell(row.ssim),
        ],
        ("read by the service model", "revealed", "bit for bit", "PSNR, dB", "SSIM"),
    )


def _chance(kind: KindFigures) -> float:
    rows = (*kind.references, *kind.attackers, *kind.shared)
    return rows[0].chance if rows else 0.0


def _row(name: str, meaning: str, cells: Iterable[str], labels: Sequence[str] = ()) -> str:
    listed = list(cells)
    labeled = (*(f' data-label="{escape(label)}"' for label in labels), *[""] * len(listed))
    columns = "".join(
        f'<td class="number"{label}>{cell}</td>'
        for cell, label in zip(listed, labeled, strict=False)
    )
    return f"<tr>{_head(name, meaning)}{columns}</tr>"


def _head(name: str, meaning: str) -> str:
    about = f'<span class="about">{text(meaning)}</span>' if meaning else ""
    return f'<th scope="row">{text(name)}{about}</th>'


def _table(caption: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    heads = "".join(
        f'<th scope="col"{" class=number" if i else ""}>{escape(column)}</th>'
        for i, column in enumerate(columns)
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f'<table class="stack"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )
