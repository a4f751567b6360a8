"""The page of the memory benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.runs import Run, measured_on, table

BAR_GIB = 3.0
FLAT = 1.1
"""The largest quotient of the peak at the end and of the peak when the pipeline was just full."""

FILLED = 10
"""From this many photos on, every place of the pipeline is taken."""


def page(runs: Mapping[str, Run]) -> str:
    """Peaks by the number of photos, and whether they keep within the bar."""
    return "\n".join(
        [
            "# Memory",
            "",
            "The largest resident memory of a process that protects JPEG photos of a camera's size",
            "with few steps, each run in a process of its own. *before*: with the libraries and",
            "the model loaded. The peak must not grow with the number of photos. *huge pages*:",
            "with `THP_MEM_ALLOC_ENABLE=1` in the environment.",
            "",
            table(
                ["run", "pixels", "peak, GiB", "before, GiB", "protected", "failed", "s/photo"],
                [_row(name, run) for name, run in runs.items()],
            ),
            "",
            verdict(runs),
            "",
            measured_on(runs),
        ]
    )


def verdict(runs: Mapping[str, Run]) -> str:
    """One line on each bar, of the run with the most photos.

    Example:
        >>> figures = {"peak_gib": 1.05, "peak_gib_after": {"1": 0.7, "10": 1.0, "200": 1.05}}
        >>> verdict({"200 photos": {"n": 200, "figures": figures}})
        'Below 3 GiB: yes (1.05). Flat: yes (after 200 photos 1.05 times what it was after 10).'
    """
    figures = max(runs.values(), key=lambda run: int(run["n"]))["figures"]
    most = figures["peak_gib"]
    low = f"Below {BAR_GIB:g} GiB: {_yes(most < BAR_GIB)} ({most:.2f})."
    after = {int(n): peak for n, peak in figures["peak_gib_after"].items()}
    filled = sorted(n for n in after if n >= FILLED)
    if len(filled) < 2:
        return f"{low} Flat: not known from so few photos."
    first, last = filled[0], filled[-1]
    growth = after[last] / after[first]
    return (
        f"{low} Flat: {_yes(growth <= FLAT)} "
        f"(after {last} photos {growth:.2f} times what it was after {first})."
    )


def _yes(met: bool) -> str:
    return "yes" if met else "no"


def _row(name: str, run: Run) -> list[Any]:
    figures, (width, height) = run["figures"], run["settings"]["size"]
    return [
        name,
        f"{width} x {height}",
        f"{figures['peak_gib']:.2f}",
        f"{figures['before_gib']:.2f}",
        figures["protected"],
        figures["failed"],
        figures["seconds_per_photo"],
    ]
