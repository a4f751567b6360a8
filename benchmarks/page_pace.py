"""The page of the pace benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.page_protect import percent
from benchmarks.runs import Run, measured_on, table

BAR = 0.1
"""The share of the time of `paper` in which its protection is to be reached."""


def page(runs: Mapping[str, Run]) -> str:
    """What each way reaches, and in which share of the time of `paper`."""
    parts = [
        "# Time to the protection of `paper`",
        "",
        "The same photos protected by the preset `paper` and by `fast` with several numbers of",
        "steps, batch after batch in turn, one thread. A time is that of a whole `protect`: photos",
        "read, files written, decoded and checked. *over paper*: CPU seconds over those of `paper`",
        "on the same batch, median and quartiles. *kept*: as in [protection](protect.md).",
        "*bfloat16*: in shorter numbers, which save time only where the processor has instructions",
        "for them (`--precision auto` finds out).",
        "",
    ]
    for name, run in runs.items():
        figures = run["figures"]
        parts += [
            f"## {name}: {run['n']} photos",
            "",
            table(
                [
                    "way",
                    "panel kept, mean",
                    "authorized kept",
                    "PSNR, dB",
                    "CPU s a photo",
                    "over paper",
                ],
                [_row(way, run, figures[way]) for way in figures],
            ),
            "",
            verdict(figures),
            "",
        ]
    return "\n".join([*parts, measured_on(runs)])


def verdict(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether the cheapest way that protects as well as `paper` meets the bar.

    Example:
        >>> def way(kept, median):
        ...     clocks = {"cpu": {"median": median}}
        ...     return {"panel_kept_mean": {"share": kept}, "over_paper": clocks}
        >>> verdict({"paper": way(0.3, 1.0), "fast, 8 steps": way(0.2, 0.09)})
        'As well as `paper` in at most 0.1 of its time: yes (fast, 8 steps: 0.090).'
    """
    reached = figures["paper"]["panel_kept_mean"]["share"]
    times = {
        name: one["over_paper"]["cpu"]["median"]
        for name, one in figures.items()
        if name != "paper" and one["panel_kept_mean"]["share"] <= reached
    }
    if not times:
        return f"As well as `paper` in at most {BAR:g} of its time: no."
    name = min(times, key=lambda way: times[way])
    met = "yes" if times[name] <= BAR else "no"
    return f"As well as `paper` in at most {BAR:g} of its time: {met} ({name}: {times[name]:.3f})."


def _row(way: str, run: Run, figures: Mapping[str, Any]) -> list[Any]:
    over = figures["over_paper"]["cpu"]
    return [
        way,
        percent(figures["panel_kept_mean"]),
        percent(figures["authorized"]["kept"]),
        figures["quality"]["psnr_mean"],
        f"{figures['seconds']['cpu']['median'] / run['settings']['together']:.2f}",
        f"{over['median']:.3f} ({over['q1']:.3f} to {over['q3']:.3f})",
    ]
