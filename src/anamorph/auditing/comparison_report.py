"""The reports of a comparison: HTML and Markdown."""

from collections.abc import Sequence

from anamorph.auditing.bars import cell
from anamorph.auditing.comparison import Compared, Comparison
from anamorph.auditing.frame import framed
from anamorph.auditing.markdown import code, plain, table
from anamorph.auditing.markup import how, text
from anamorph.auditing.matrix_page import AGAIN, model_row
from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.auditing.wording import counted, interval, percent, share

TITLE = "Ways to change pictures, compared"

HEADS = (
    "way",
    "authorized kept",
    "others kept, mean",
    "mean PSNR, dB",
    "mean SSIM",
    "seconds per picture",
)

_USABLE = 0.9  # of the own readings: what keeps fewer is no protection

MEANING = (
    "A protection is worth something where the others keep less than under an old attack and under "
    "noise of the same size, while the authorized model keeps its readings and the picture looks "
    "no worse (PSNR and SSIM: higher is better).",
    "Nothing was tried twice here. The command protect tries pictures that lose their reading "
    "again with more effort, so it keeps more of them.",
    "The ways were compared on these pictures, with one budget and one number of steps; with other "
    "step sizes or many more steps the order may change.",
)
"""How to read the table, and what it does not prove."""


def sentence(found: Comparison) -> str:
    """The result in one sentence."""
    known = [row for row in found.rows if row.panel.value is not None]
    if not known:
        return "Nothing could be measured."
    usable = [row for row in known if (row.own.value or 0) >= _USABLE]
    if not usable:
        return f"{found.models[0].name} keeps {_USABLE:.0%} of its readings with none of the ways."
    best = min(usable, key=lambda row: row.panel.value or 0)
    return (
        f"Of the {counted(len(usable), 'way')} with which {found.models[0].name} keeps "
        f"{_USABLE:.0%} of its readings or more, {best.way} leaves the others least: "
        f"{percent(best.panel)} {interval(best.panel)}."
    )


def measuring(found: Comparison) -> tuple[str, ...]:
    """How it was measured, a sentence or two each."""
    right = (
        "A reading is right when it is the label that was given."
        if found.labeled
        else "A reading is right when it equals the model's own reading of the original."
    )
    helped = ", ".join(found.surrogates)
    others = f" {helped} stood in for unknown models where a way can use it." if helped else ""
    return (
        f"{counted(found.pictures, 'picture')} were changed in each way, without labels, with one "
        f"budget and one number of steps, and written as PNG.{others} Every model read every file, "
        "decoded again, at its own resolution.",
        f"{right} An embedding is right while its cosine to the original's is at least "
        f"{LEAST_COSINE}. Kept: of the originals that a model reads right, the share whose changed "
        "version it reads right.",
        "Intervals are 95 % Wilson score intervals; that of a mean is at the smallest n of what it "
        "is the mean of, as if all of it always agreed, so it is rather too wide than too narrow.",
    )


def page(found: Comparison) -> str:
    """The whole HTML page."""
    heads = "".join(
        f'<th scope="col"{"" if i == 0 else " class=number"}>{head}</th>'
        for i, head in enumerate(HEADS)
    )
    rows = "".join(_row(row) for row in found.rows)
    names = [model.name for model in found.models]
    every = "".join(f'<th scope="col" class="number">{text(name)}</th>' for name in names)
    single = "".join(_cells(row) for row in found.rows)
    body = (
        '<section id="ways" aria-labelledby="ways-title"><h2 id="ways-title">The ways</h2>'
        '<div class="scroll" role="region" aria-labelledby="ways-title" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
        '<section id="single" aria-labelledby="single-title"><h2 id="single-title">Model by model'
        '</h2><div class="scroll" role="region" aria-labelledby="single-title" tabindex="0"><table>'
        f'<caption>Readings kept</caption><thead><tr><th scope="col">way</th>{every}</tr></thead>'
        f"<tbody>{single}</tbody></table></div></section>"
    )
    return framed(
        "tables.html",
        kind="compare",
        title=TITLE,
        sentences=f'<p class="lead">{text(sentence(found))}</p>',
        overview=text(f"{counted(found.pictures, 'picture')}, {counted(len(names), 'model')}."),
        tables=body,
        models="\n".join(model_row(model) for model in found.models),
        meaning="".join(f"<li>{text(words)}</li>" for words in MEANING),
        how=how(measuring(found), found.command, found.versions, again=AGAIN),
    )


def markdown(found: Comparison) -> str:
    """The whole report as Markdown."""
    names = [model.name for model in found.models]
    parts = [
        f"# {TITLE}",
        plain(sentence(found)),
        table(
            HEADS,
            [[row.way, share(row.own), share(row.panel), *_looks(row)] for row in found.rows],
        ),
        *(f"- {plain(f'{row.way}: {row.meaning}')}" for row in found.rows),
        "## Model by model",
        table(
            ["way", *names],
            [
                [row.way, *("failed" if c.error else share(c.kept) for c in row.cells)]
                for row in found.rows
            ],
        ),
        "## What this means",
        *map(plain, MEANING),
        "## How it was measured",
        *map(plain, measuring(found)),
        code(found.command),
        ", ".join(f"{name} {version}" for name, version in found.versions.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _row(row: Compared) -> str:
    looks = "".join(f'<td class="number">{figure}</td>' for figure in _looks(row))
    failed = f"; {counted(row.failed, 'picture')} failed" if row.failed else ""
    return (
        f'<tr><th scope="row">{text(row.way)}<span class="about">{text(row.meaning + failed)}'
        f'</span></th><td class="number">{cell(row.own)}</td><td class="number">{cell(row.panel)}'
        f"</td>{looks}</tr>"
    )


def _cells(row: Compared) -> str:
    cells = "".join(
        f'<td class="number">{f"failed: {text(c.error)}" if c.error else cell(c.kept)}</td>'
        for c in row.cells
    )
    return f'<tr><th scope="row">{text(row.way)}</th>{cells}</tr>'


def _looks(row: Compared) -> Sequence[str]:
    figures = ((row.psnr_mean, 1), (row.ssim_mean, 3), (row.seconds_per_picture, 2))
    return ["-" if value is None else f"{value:.{digits}f}" for value, digits in figures]
