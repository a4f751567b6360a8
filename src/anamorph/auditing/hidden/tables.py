"""The tables of the page, one function for each."""

from anamorph.auditing.hidden.figures import Attempt, KindFigures, ReaderFigures, Spoiled
from anamorph.auditing.hidden.spread import Spread
from anamorph.auditing.hidden.words import extent, figure, who
from anamorph.auditing.markup import (
    NONE,
    exact,
    failed_row,
    figures_row,
    figures_table,
    group_row,
    share_cell,
)

_GROUPS = 4  # columns of an attempt, without the one that names it


def readers_table(kind: KindFigures) -> str:
    """Who reads the hidden pictures as the originals."""
    rows = [_reader(kind.service, "service model: is to read them")]
    if kind.judge is not None:
        rows.append(_reader(kind.judge, "took no part: is to see nothing"))
    return figures_table(
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
            figures_row(
                "linear probe, R2",
                f"learned from {shows.probe_pairs} pairs, tried on others; 1 reads the originals "
                f"off, 0 or less nothing; noise in place of the pictures: {noise}",
                [exact(shows.probe_r2, f"{shows.probe_r2:.3f}")],
            )
        )
    if kind.judge is not None and kind.judge.cosine is not None:
        rows.append(
            _measured(
                "identity cosine", f"as {kind.judge.name} sees it", spread_of=kind.judge.cosine
            )
        )
    rows.append(
        figures_row(
            "pictures in which the original shows",
            "more than chance gives unrelated pictures of this size",
            [share_cell(shows.readable)],
        )
    )
    rows.append(
        figures_row(
            "originals picked",
            f"by who compares blocks of light; guessing picks {100 * shows.looked_at.chance:.1f} %",
            [share_cell(shows.looked_at.picked)],
        )
    )
    wrong = kind.wrong_keys
    rows += [
        figures_row(
            "wrong keys refused", "by reveal, which checks them", [share_cell(wrong.refused)]
        ),
        figures_row(
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
    return figures_table(
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
            group_row(title, _GROUPS + 1),
            *(_attempt(row) for row in attempts),
        )
    ]
    if not rows:
        return "<p>No attacker was tried: there are too few pictures to learn from.</p>"
    return figures_table(
        f"Guesses at {kind.unseen} originals that attackers did not learn from; guessing blindly "
        f"picks {100 * _chance(kind):.1f} % of them",
        ("who", "SSIM", "block correlation", "identity cosine", "originals picked"),
        rows,
    )


def spoiled_table(kind: KindFigures) -> str:
    """What is left of spoiled files."""
    if not kind.spoiled:
        return "<p>Nothing was tried.</p>"
    return figures_table(
        "What is left when the file is changed on its way",
        ("change", "read by the service model", "revealed", "bit for bit", "PSNR, dB", "SSIM"),
        [_spoiled(row) for row in kind.spoiled],
    )


def spread_cell(measure: Spread | None, digits: int = 3) -> str:
    """A mean with its extremes."""
    if measure is None:
        return NONE
    found = exact(measure.mean, figure(measure, digits))
    return f'{found}<span class="range">{extent(measure, digits)}</span>'


def _reader(reader: ReaderFigures, role: str) -> str:
    if reader.error:
        return failed_row(reader.name, role, 4, f"not measured: {reader.error}")
    by_chance = f"{100 * reader.chance:.1f} %" if reader.found.n else "–"
    return figures_row(
        reader.name,
        role,
        [share_cell(reader.kept), spread_cell(reader.cosine), share_cell(reader.found), by_chance],
        ("read as the original", "cosine", "found in the gallery", "by guessing"),
    )


def _measured(name: str, meaning: str, *, spread_of: Spread | None) -> str:
    return figures_row(name, meaning, [spread_cell(spread_of)])


def _attempt(row: Attempt) -> str:
    if row.error:
        return failed_row(who(row), row.meaning, _GROUPS, f"failed: {row.error}")
    measures = (row.ssim, row.block_correlation, row.identity)
    return figures_row(
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
    return figures_row(
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
