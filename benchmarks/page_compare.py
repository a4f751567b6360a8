"""The page of the comparison with old attacks and noise."""

from collections.abc import Mapping
from typing import Any

from benchmarks.page_matrix import number, percent, share_of
from benchmarks.runs import Run, measured_on, table, which

HEADS = (
    "way",
    "photos",
    "authorized kept",
    "panel kept, mean",
    "PSNR, dB",
    "SSIM",
    "s/photo",
    "CPU s/photo",
)


def page(runs: Mapping[str, Run]) -> str:
    """Who reads what each way made, how it looks and what it costs."""
    alone = {name: run for name, run in runs.items() if not run["settings"]["surrogates"]}
    helped = {name: run for name, run in runs.items() if run["settings"]["surrogates"]}
    parts = [
        "# The method beside old attacks and noise",
        "",
        "On the same photos, with the same authorized model, budget and number of steps; each is",
        "tried once, without labels. *kept*: of the photos that a model reads right when clean,",
        "the share it still reads right in the written files. `pgd` and `mi-fgsm` push the reading",
        "of the authorized model, or of the surrogate, while the authorized one keeps its own.",
        "Null-space and Gaussian noise are as strong as `fmd fast`, photo by photo. Intervals are",
        "95 % Wilson; that of a mean is at the smallest n of the panel, as if it always agreed.",
        "",
    ]
    for title, some in (("Without a surrogate", alone), ("With a surrogate", helped)):
        if some:
            parts += [f"## {title}", "", *_told(some), _ways(some), "", _models(some), ""]
    return "\n".join([*parts, measured_on(runs)])


def _told(runs: Mapping[str, Run]) -> list[str]:
    settings = next(iter(runs.values()))["settings"]
    who = f"Authorized: {settings['authorized']}. Panel: {', '.join(settings['panel'])}."
    helped = ", ".join(settings["surrogates"])
    return [f"{who} Surrogate: {helped}." if helped else who, ""]


def _ways(runs: Mapping[str, Run]) -> str:
    return table(HEADS, [_way(name, which(run), run["figures"]) for name, run in runs.items()])


def _way(name: str, photos: str, figures: Mapping[str, Any]) -> list[Any]:
    return [
        name,
        photos,
        percent(share_of(figures["authorized_kept"])),
        percent(share_of(figures["panel_kept_mean"])),
        number(figures["psnr_mean"], 2),
        number(figures["ssim_mean"], 4),
        number(figures["seconds_per_picture"], 2),
        number(figures["cpu_seconds_per_picture"], 2),
    ]


def _models(runs: Mapping[str, Run]) -> str:
    names = [cell["reader"] for cell in next(iter(runs.values()))["figures"]["cells"]]
    rows = [
        [name, *(percent(share_of(cell["kept"])) for cell in run["figures"]["cells"])]
        for name, run in runs.items()
    ]
    return table(["way", *names], rows)
