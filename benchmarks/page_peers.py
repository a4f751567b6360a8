"""The page of the comparison with other libraries."""

from collections.abc import Mapping

from benchmarks.page_speed import quotient
from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """How much longer others take."""
    parts = [
        "# Speed beside other libraries",
        "",
        "Whole calls in turn, pictures in and pictures out: equal network, batch, budget, step and",
        "number of steps, each library as its users run it. Their time over that of the same",
        "problem in the engine; over that with the network in bfloat16, which pays only where the",
        "processor has instructions for it; and over that of `protect` at its default strength,",
        "which solves another problem and takes more steps. Medians of rounds, with quartiles.",
        "",
    ]
    for name, run in runs.items():
        settings, figures = run["settings"], run["figures"]
        parts += [
            f"## {name}: {settings['batch']} pictures of {settings['size'][0]} pixels, "
            f"{settings['steps']} steps",
            "",
            table(
                [
                    "library",
                    "over the engine, CPU",
                    "over the engine, wall",
                    "over the engine in bfloat16, CPU",
                    "over `protect`, CPU",
                ],
                [
                    [
                        peer,
                        quotient(both["cpu"]),
                        quotient(both["wall"]),
                        quotient(figures["over_short"][peer]["cpu"]),
                        quotient(figures["over_protect"][peer]["cpu"]),
                    ]
                    for peer, both in figures["over_anamorph"].items()
                ],
            ),
            "",
        ]
    return "\n".join([*parts, measured_on(runs)])
