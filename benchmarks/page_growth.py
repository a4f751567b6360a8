"""The page of the growth benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.runs import Run, measured_on, table

STEADY = 1.05
"""The largest quotient of what the last part takes and of what the first takes."""

FLAT = 1.1
"""The largest quotient of the peak at the end and after the first part."""


def page(runs: Mapping[str, Run]) -> str:
    """Pace and peak of every run, and the bars."""
    longest = max(runs.values(), key=lambda run: int(run["n"]))
    side, every = longest["settings"]["side"], longest["settings"]["every"]
    figures = longest["figures"]
    return "\n".join(
        [
            "# Growth",
            "",
            f"Pictures of {side} x {side} pixels protected with few steps in one call, each run",
            f"in a process of its own. *a part*: {every} pictures, of which the clock and the",
            "largest resident memory are noted on the way.",
            "",
            table(
                ["run", "protected", "failed", "CPU s a picture", "peak, GiB"],
                [_row(name, run) for name, run in runs.items()],
            ),
            "",
            verdict(figures),
            "",
            "CPU seconds of each part of the longest run: "
            + ", ".join(f"{t:.1f}" for t in figures["cpu_seconds"])
            + ".",
            "",
            measured_on(runs),
        ]
    )


def verdict(figures: Mapping[str, Any]) -> str:
    """Whether the run slowed down or swelled.

    Example:
        >>> verdict({"cpu_seconds": [10.0, 9.9, 10.2], "peak_gib": [0.5, 0.5, 0.51]})
        'Slower at the end: no (the last part takes 1.02 of the first). Memory: flat (1.02).'
    """
    times, peaks = figures["cpu_seconds"], figures["peak_gib"]
    slower, larger = times[-1] / times[0], peaks[-1] / peaks[0]
    return (
        f"Slower at the end: {'no' if slower <= STEADY else 'yes'} (the last part takes "
        f"{slower:.2f} of the first). Memory: {'flat' if larger <= FLAT else 'grows'} "
        f"({larger:.2f})."
    )


def _row(name: str, run: Run) -> list[Any]:
    figures = run["figures"]
    return [
        name,
        figures["protected"],
        figures["failed"],
        f"{sum(figures['cpu_seconds']) / run['n']:.3f}",
        f"{figures['peak_gib'][-1]:.2f}",
    ]
