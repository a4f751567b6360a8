"""The page of the speed benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """Ratios to the floor."""
    return "\n".join(
        [
            "# Speed",
            "",
            "The floor is one forward pass and the backward pass to the picture, parameters",
            "frozen, channels last, and nothing else. *step*: the engine's step over the floor's",
            "that ran right after it. *whole*: a run with clean features, random start, all steps",
            "and the last evaluation, over as many steps of the floor. Medians of rounds, with",
            "quartiles. The preset `fast` distorts small views and reads the whole picture in",
            "every other step. *bfloat16*: in shorter numbers, which pays only where the processor",
            "has instructions for them; the floor is in float32 throughout. *hide*, *shield*: the",
            "floor is one forward and one backward pass through the networks that the method runs,",
            "and nothing else.",
            "",
            table(
                ["run", "steps", "step, CPU", "step, wall", "whole, CPU", "whole, wall"],
                [_against_floor(name, run) for name, run in runs.items()],
            ),
            "",
            measured_on(runs),
        ]
    )


def quotient(figure: Mapping[str, Any]) -> str:
    """A median with its quartiles.

    Example:
        >>> quotient({"median": 1.25, "q1": 1.2, "q3": 1.3})
        '1.25 (1.20 to 1.30)'
    """
    return f"{figure['median']:.2f} ({figure['q1']:.2f} to {figure['q3']:.2f})"


def _against_floor(name: str, run: Run) -> list[Any]:
    figures = run["figures"]
    ratios = [
        quotient(figures[what][clock]) for what in ("step", "whole") for clock in ("cpu", "wall")
    ]
    return [name, run["settings"]["parameters"]["steps"], *ratios]
