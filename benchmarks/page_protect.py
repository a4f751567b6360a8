"""The page of the protection benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.runs import Run, measured_on, table, which

LOOKS = ("run", "PSNR, dB", "SSIM", "largest change")


def page(runs: Mapping[str, Run]) -> str:
    """Who reads the files, what it costs, and how it looks."""
    return page_of(runs, title="Protection on real photos")


def page_of(runs: Mapping[str, Run], *, title: str) -> str:
    """The same under another title."""
    return "\n".join(
        [
            f"# {title}",
            "",
            "Every model reads the files that were written. *kept*: of the pictures that a model",
            "reads right when clean, the share it still reads right. Photos are protected without",
            "labels; labels only judge here. Photos that failed have no file and are left out.",
            "Intervals are 95 %: Wilson for one model, a bootstrap over photos for means. Noise of",
            "the same size is the control.",
            "",
            table(
                ["run", "photos", "authorized kept", "panel kept, mean", "panel right, mean"],
                [_headline(name, run) for name, run in runs.items()],
            ),
            "",
            "## Model by model",
            "",
            table(
                ["run", "model", "right when clean", "right now", "kept"],
                [row for name, run in runs.items() for row in _models(name, run["figures"])],
            ),
            "",
            "## Looks, failures and cost",
            "",
            table(
                [*LOOKS, "failed", "attempts", "s/photo", "CPU s/photo"],
                [_looks(name, run["figures"]) for name, run in runs.items()],
            ),
            "",
            measured_on(runs),
        ]
    )


def percent(share: Mapping[str, Any]) -> str:
    """A share with its interval.

    Example:
        >>> percent({"share": 0.5, "n": 2, "interval": [0.1, 0.9]})
        '50.0 % (10.0 to 90.0, n 2)'
    """
    if share["share"] is None:
        return "none to judge"
    value, (low, high) = 100 * share["share"], share["interval"]
    return f"{value:.1f} % ({100 * low:.1f} to {100 * high:.1f}, n {share['n']})"


def _headline(name: str, run: Run) -> list[Any]:
    figures = run["figures"]
    return [
        name,
        which(run),
        percent(figures["authorized"]["kept"]),
        percent(figures["panel_kept_mean"]),
        percent(figures["panel_protected_mean"]),
    ]


def _models(name: str, figures: Mapping[str, Any]) -> list[list[str]]:
    own = [figures["authorized"], *figures.get("also_authorized", [])]
    rows = [(f"{model['name']} (authorized)", model) for model in own]
    rows += [(model["name"], model) for model in figures["panel"]]
    return [
        [name, who, *(percent(model[key]) for key in ("clean", "protected", "kept"))]
        for who, model in rows
    ]


def _looks(name: str, figures: Mapping[str, Any]) -> list[Any]:
    looks = figures["quality"]
    outcome, cost = figures.get("outcome", {}), figures.get("cost", {})
    return [
        name,
        looks.get("psnr_mean", "-"),
        looks.get("ssim_mean", "-"),
        looks.get("linf_max", "-"),
        outcome.get("failed", "-"),
        outcome.get("attempts_mean", "-"),
        cost.get("seconds_per_photo", "-"),
        cost.get("cpu_seconds_per_photo", "-"),
    ]
