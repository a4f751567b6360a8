"""The matrix as one HTML page that needs nothing else: tables, and a heat map for each preset."""

from collections.abc import Sequence
from html import escape

from anamorph.auditing.bars import cell
from anamorph.auditing.frame import framed
from anamorph.auditing.markup import how, text
from anamorph.auditing.matrix import Cell, Column, Matrix, Row, Table
from anamorph.auditing.matrix_words import MEANING, measuring, sentences
from anamorph.auditing.wording import counted, interval, percent
from anamorph.metrics.accuracy import Share

SIDE = 72
"""Height and width of a field of the heat map."""

LEFT = 200
TOP = 34
"""Room for names."""

AGAIN = "To go on, or to measure it again in another folder:"

_DARK = 0.75  # from this share on, a field is dark enough for light digits
_LONGEST = 24  # letters of a name on the map; the table has all of it


def page(matrix: Matrix) -> str:
    """The whole page."""
    said = "".join(f'<p class="lead">{text(words)}</p>' for words in sentences(matrix))
    return framed(
        "tables.html",
        kind="matrix",
        title="Every model authorized in turn",
        sentences=said,
        overview=text(_overview(matrix)),
        tables="\n".join(_section(table, i, matrix) for i, table in enumerate(matrix.tables)),
        models="\n".join(model_row(model) for model in matrix.models),
        meaning="".join(f"<li>{text(words)}</li>" for words in MEANING),
        how=how(measuring(matrix), matrix.command, matrix.versions, again=AGAIN),
    )


def heat_map(table: Table, names: Sequence[str]) -> str:
    """The shares kept as an SVG: rows are authorized, columns read; darker is more."""
    width = LEFT + SIDE * len(names)
    height = TOP + SIDE * len(table.rows)
    parts = [
        f'<text class="map-name" x="{LEFT + SIDE * (i + 0.5):g}" y="{TOP - 12}" '
        f'text-anchor="middle">{i + 1}</text>'
        for i in range(len(names))
    ]
    for place, row in enumerate(table.rows):
        top = TOP + SIDE * place
        number = names.index(row.authorized) + 1
        parts.append(
            f'<text class="map-name" x="{LEFT - 10}" y="{top + SIDE / 2 + 5:g}" '
            f'text-anchor="end">{number} {text(_short(row.authorized))}</text>'
        )
        parts += [_field(one, row, LEFT + SIDE * i, top) for i, one in enumerate(row.cells)]
    words = f"Heat map of {table.preset}; every number of it is in the table below"
    return (
        f'<div class="scroll" role="region" aria-label="heat map" tabindex="0">'
        f'<svg class="map" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{text(words)}">{"".join(parts)}</svg></div>'
    )


def _field(one: Cell, row: Row, left: int, top: int) -> str:
    share, own = one.kept.value, one.reader == row.authorized
    kind = "own" if own else "panel"
    inside = f'x="{left + 2}" y="{top + 2}" width="{SIDE - 4}" height="{SIDE - 4}" rx="6"'
    field = f'<rect class="track" {inside}/>'
    words = "–"
    if share is not None:
        field += f'<rect class="{kind}" fill-opacity="{0.08 + 0.92 * share:.3f}" {inside}/>'
        words = f"{100 * share:.0f}"
    dark = share is not None and share > _DARK
    title = f"{one.reader}, files for {row.authorized}: {_words(one)}"
    return (
        f"<g><title>{text(title)}</title>{field}"
        f'<text class="{"map-dark" if dark else "map-light"}" x="{left + SIDE / 2:g}" '
        f'y="{top + SIDE / 2 + 6:g}" text-anchor="middle">{words}</text></g>'
    )


def _section(table: Table, index: int, matrix: Matrix) -> str:
    names = [model.name for model in matrix.models]
    title = f"preset-{index}"
    heads = "".join(f'<th scope="col" class="number">{text(name)}</th>' for name in names)
    rows = "".join(_row(row) for row in table.rows)
    means = "".join(_number(name, table.unseen(name)) for name in names)
    last = (
        f'<tr><th scope="row">mean<span class="about">where it is not authorized</span></th>'
        f"{_number('the others', table.panel)}{means}</tr>"
    )
    problems = "".join(
        f"<li>{text(f'{row.authorized}: {row.error}')}</li>" for row in table.rows if row.error
    )
    settings = ", ".join(f"{k} {v}" for k, v in table.parameters.items())
    return (
        f'<section id="{title}" aria-labelledby="{title}-title">'
        f'<h2 id="{title}-title">{text(table.preset)}</h2>'
        f'<p class="soft small">{text(settings)}</p>{heat_map(table, names)}'
        f'<p class="soft small">Percent of the readings kept. Rows: the authorized model. Columns: '
        "the reader, by the numbers of the rows. Green is the authorized model's own.</p>"
        f'<div class="scroll" role="region" aria-labelledby="{title}-title" tabindex="0">'
        f"<table><caption>Readings kept, of those that were right on the originals</caption><thead>"
        f'<tr><th scope="col">authorized</th><th scope="col" class="number">the others, mean</th>'
        f"{heads}</tr></thead><tbody>{rows}{last}</tbody></table></div>"
        f"{_looks(table)}{f'<ul>{problems}</ul>' if problems else ''}</section>"
    )


def _row(row: Row) -> str:
    cells = "".join(
        f'<td class="number{" own-model" if c.reader == row.authorized else ""}">'
        f"{f'failed: {text(c.error)}' if c.error else cell(c.kept)}</td>"
        for c in row.cells
    )
    return (
        f'<tr><th scope="row">{text(row.authorized)}</th>'
        f"{_number('the others', row.panel)}{cells}</tr>"
    )


def _looks(table: Table) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(row.authorized)}</th>'
        f'<td class="number" data-label="protected">{row.protected}</td>'
        f'<td class="number" data-label="failed">{row.failed}</td>'
        f'<td class="number" data-label="mean PSNR, dB">{_figure(row.psnr_mean, 1)}</td>'
        f'<td class="number" data-label="mean SSIM">{_figure(row.ssim_mean, 3)}</td>'
        f'<td class="number" data-label="seconds per picture">'
        f"{_figure(row.seconds_per_picture, 2)}</td></tr>"
        for row in table.rows
    )
    heads = "".join(
        f'<th scope="col" class="number">{head}</th>'
        for head in ("protected", "failed", "mean PSNR, dB", "mean SSIM", "seconds per picture")
    )
    return (
        '<table class="stack"><caption>Looks and cost</caption><thead><tr><th scope="col">'
        f"authorized</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def model_row(model: Column) -> str:
    """A row of the table of models."""
    head = f'<th scope="row">{text(model.name)}<span class="about">{model.task or ""}</span></th>'
    if model.error:
        return f'<tr>{head}<td class="wide" colspan="2">failed: {text(model.error)}</td></tr>'
    return (
        f'<tr>{head}<td class="number" data-label="originals read right">{cell(model.clean)}</td>'
        f'<td class="wide"><code>{escape(model.weights_sha256)}</code></td></tr>'
    )


def _overview(matrix: Matrix) -> str:
    rows = sum(len(table.rows) for table in matrix.tables)
    return (
        f"{counted(matrix.pictures, 'picture')}, {counted(len(matrix.models), 'model')}, "
        f"{counted(len(matrix.tables), 'preset')}, {counted(rows, 'row')} measured."
    )


def _number(label: str, share: Share) -> str:
    return f'<td class="number" data-label="{escape(label)}">{cell(share)}</td>'


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f'<data value="{value!r}">{value:.{digits}f}</data>'


def _words(one: Cell) -> str:
    return one.error or f"{percent(one.kept)} {interval(one.kept)}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
