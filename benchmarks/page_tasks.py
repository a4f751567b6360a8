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
            table(
                ["protected for", "faces", *heads, "face detector", "PSNR, dB"],
                [_row(name, run) for name, run in runs.items()],
            ),
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
