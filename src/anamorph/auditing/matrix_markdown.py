"""The matrix as Markdown."""

from collections.abc import Sequence

from anamorph.auditing.markdown import code, plain, table
from anamorph.auditing.matrix import Cell, Matrix, Row, Table
from anamorph.auditing.matrix_words import MEANING, measuring, sentences
from anamorph.auditing.wording import share


def markdown(matrix: Matrix) -> str:
    """The whole report."""
    parts = ["# Matrix: every model authorized in turn", *map(plain, sentences(matrix))]
    for one in matrix.tables:
        parts += [f"## {plain(one.preset)}", _kept(one, [m.name for m in matrix.models])]
        parts += [_rows(one)]
        parts += [f"- {plain(f'{r.authorized}: {r.error}')}" for r in one.rows if r.error]
    parts += [
        "## The models",
        table(
            ["model", "originals read right", "failed"],
            [[m.name, share(m.clean), m.error] for m in matrix.models],
        ),
        "## What this means",
        *map(plain, MEANING),
        "## How it was measured",
        *map(plain, measuring(matrix)),
        code(matrix.command),
        ", ".join(f"{name} {version}" for name, version in matrix.versions.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _kept(one: Table, names: Sequence[str]) -> str:
    mean = [
        "mean where not authorized",
        *(share(one.unseen(name)) for name in names),
        share(one.panel),
    ]
    rows = [
        [row.authorized, *(_cell(c, row) for c in row.cells), share(row.panel)] for row in one.rows
    ]
    return table(["authorized", *names, "others, mean"], [*rows, mean])


def _cell(cell: Cell, row: Row) -> str:
    own = " (own)" if cell.reader == row.authorized else ""
    return "failed" if cell.error else share(cell.kept) + own


def _rows(one: Table) -> str:
    return table(
        ["authorized", "protected", "failed", "mean PSNR, dB", "mean SSIM", "seconds per picture"],
        [
            [
                row.authorized,
                str(row.protected),
                str(row.failed),
                _number(row.psnr_mean, 1),
                _number(row.ssim_mean, 3),
                _number(row.seconds_per_picture, 2),
            ]
            for row in one.rows
        ],
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
