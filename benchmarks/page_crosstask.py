"""The page of the cross-task benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.page_protect import percent
from benchmarks.runs import Run, measured_on, table


def page(runs: Mapping[str, Run]) -> str:
    """What models of each task still read, and how it looks."""
    tasks = list(dict.fromkeys(task for run in runs.values() for task in run["figures"]["tasks"]))
    return "\n".join(
        [
            "# Protected for one task, read for others",
            "",
            "Rows: portraits of people who do not exist, protected for this model alone, without",
            "labels and without surrogates. Columns: the mean over the models of a task, without",
            "the authorized one, of *kept*: of the pictures that a model reads right when clean,",
            "the share it still reads right. Low is good protection. Intervals are 95 % Wilson;",
            "that of a mean is at the smallest n of any model, as if all of them always agreed.",
            "",
            table(
                ["protected for", "pictures", "it keeps", *tasks],
                [_headline(name, run, tasks) for name, run in runs.items()],
            ),
            "",
            "## Model by model",
            "",
            table(
                ["protected for", "read by", "right when clean", "right now", "kept"],
                [row for name, run in runs.items() for row in _models(name, run["figures"])],
            ),
            "",
            "## Looks",
            "",
            table(
                ["protected for", "PSNR, dB", "SSIM", "largest change", "failed"],
                [_looks(name, run["figures"]) for name, run in runs.items()],
            ),
            "",
            measured_on(runs),
        ]
    )


def _headline(name: str, run: Run, tasks: list[str]) -> list[Any]:
    figures = run["figures"]
    own = [m for task in figures["tasks"].values() for m in task["models"] if m["authorized"]]
    means = [figures["tasks"].get(task, {}).get("unseen_kept_mean") for task in tasks]
    return [
        name,
        run["n"],
        percent(own[0]["kept"]),
        *("-" if mean is None else percent(mean) for mean in means),
    ]


def _models(name: str, figures: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [
            name,
            f"{model['name']} (authorized)" if model["authorized"] else model["name"],
            *(percent(model[what]) for what in ("clean", "protected", "kept")),
        ]
        for task in figures["tasks"].values()
        for model in task["models"]
    ]


def _looks(name: str, figures: Mapping[str, Any]) -> list[Any]:
    looks = figures["quality"]
    return [
        name,
        looks["psnr_mean"],
        looks["ssim_mean"],
        looks["linf_max"],
        figures["failed"],
    ]
