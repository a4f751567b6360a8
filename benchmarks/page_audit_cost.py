"""The page of the cost of an audit."""

from collections.abc import Mapping

from benchmarks.page_speed import quotient
from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """The quotient and its bar."""
    rows = []
    for name, run in runs.items():
        figures, settings = run["figures"], run["settings"]
        over = figures["audit_over_forward"]
        met = "yes" if over["cpu"]["median"] <= settings["bar"] else "no"
        rows.append(
            [
                name,
                run["n"],
                len(settings["models"]),
                settings["transforms"],
                quotient(over["cpu"]),
                quotient(over["wall"]),
                f"{settings['bar']:g}: {met}",
            ]
        )
    return "\n".join(
        [
            "# What an audit costs over its forward passes",
            "",
            "An audit, reports included, in turns with the same models reading the same pictures,",
            "decoded, transformed, ready in memory. Quotients: medians over groups of photos, with",
            "quartiles. CPU seconds hardly feel other programs.",
            "",
            table(
                ["run", "photos", "models", "transforms", "CPU", "wall", "bar, median of CPU"],
                rows,
            ),
            "",
            measured_on(runs),
        ]
    )
