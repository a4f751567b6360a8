"""The page of real faces that were protected for one task and read for others."""

from collections.abc import Mapping
from typing import Any

from benchmarks.page_matrix import number, percent, share_of
from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """Who still reads what, task by task."""
    settings = next(iter(runs.values()))["settings"]
    heads = [f"{name} ({settings['tasks'][name]})" for name in settings["models"]]
    return "\n".join(
        [
            "# Real faces: protected for one task, read for others",
            "",
            f"Rows: faces protected with the preset `{settings['preset']}` for this model alone,",
            "without labels and without surrogates. Columns: who reads the written files; what a",
            "model reads in the clean face is right. Low is good protection; bold is the",
            "authorized model. The detector: of the faces it finds when clean, those it still",
            "finds. Intervals are 95 % Wilson.",
            "",
            "A reading of a face model is right while its cosine to the clean one is 0.9, which is",
            "more than matching takes: the second table says whom it takes for the person, at",
            f"a threshold that takes {settings['far']:g} of the pairs of two people for one.",
            "",
            table(
                ["protected for", "faces", *heads, "face detector", "PSNR, dB"],
                [_row(name, run) for name, run in runs.items()],
            ),
            "",
            "## Still matched",
            "",
            _matched(runs),
            "",
            measured_on(runs),
        ]
    )


def _row(name: str, run: Run) -> list[Any]:
    figures = run["figures"]
    cells = [
        f"**{words}**" if cell["reader"] == name else words
        for cell in figures["cells"]
        for words in ("failed" if cell["error"] else percent(share_of(cell["kept"])),)
    ]
    looks = number(figures["psnr_mean"], 1)
    return [name, run["n"], *cells, percent(share_of(figures["detector"])), looks]


def _matched(runs: Mapping[str, Run]) -> str:
    names = list(next(iter(runs.values()))["figures"]["matched"])
    rows = [
        [name, *(percent(share_of(run["figures"]["matched"][one])) for one in names)]
        for name, run in runs.items()
    ]
    return table(["protected for", *names], rows)
