"""What a matrix says in words, the same in every report."""

from anamorph.auditing.matrix import Matrix, Table
from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.auditing.wording import counted, interval, percent

MEANING = (
    "A row shows how well pictures are protected for one model, a column how easily one model is "
    "misled. Along the diagonal high is good, everywhere else low is good.",
    "It shows whether the protection depends on which model is authorized. It proves nothing of "
    "models that are not in it, and nothing of recompressed or purified files: audit those with "
    "anamorph audit protect.",
)
"""How to read the table, and what it does not prove."""


def sentences(matrix: Matrix) -> tuple[str, ...]:
    """One sentence for every preset."""
    return tuple(_sentence(table) for table in matrix.tables)


def _sentence(table: Table) -> str:
    known = [row for row in table.rows if row.panel.value is not None]
    if not known:
        return f"With {table.preset} nothing could be measured yet."
    spread = ""
    if len(known) > 1:
        best = min(known, key=lambda row: row.panel.value or 0)
        worst = max(known, key=lambda row: row.panel.value or 0)
        spread = (
            f"; fewest, {percent(best.panel)}, where {best.authorized} is authorized, and most, "
            f"{percent(worst.panel)}, where {worst.authorized} is"
        )
    return (
        f"With {table.preset}, over {counted(len(known), 'authorized model')} in turn, the others "
        f"still read {percent(table.panel)} of what they read before {interval(table.panel)}, and "
        f"the authorized ones keep {percent(table.own)} {interval(table.own)}{spread}."
    )


def measuring(matrix: Matrix) -> tuple[str, ...]:
    """How it was measured, a sentence or two each."""
    right = (
        "A reading is right when it is the label that was given."
        if matrix.labeled
        else "A reading is right when it equals the model's own reading of the original."
    )
    return (
        f"{counted(matrix.pictures, 'picture')} were protected for each model in turn, without "
        "labels and without surrogates, and every model read every file that was written, decoded "
        "again, at its own resolution.",
        f"{right} An embedding is right while its cosine to the original's is at least "
        f"{LEAST_COSINE}. Kept: of the originals that a model reads right, the share whose "
        "protected version it reads right.",
        "Intervals are 95 % Wilson score intervals; that of a mean is at the smallest n of what it "
        "is the mean of, as if all of it always agreed, so it is rather too wide than too narrow.",
    )
