"""The page of the audit with every attack there is."""

from collections.abc import Mapping
from typing import Any

from benchmarks.page_matrix import percent
from benchmarks.runs import Run, measured_on, table, which

from anamorph.metrics.accuracy import Share

LEARNERS = ", learners"
"""At the end of the name of a run whose attackers learn from some of the photos."""

_LEARNED = {
    "labels": "the same, after learning right labels from {pictures} protected photos",
    "distilled": "the same, after learning its answers for {pictures} originals",
}
"""What an attacker learns, by the name the audit gives it."""


def page(runs: Mapping[str, Run]) -> str:
    """What is still read, attack by attack."""
    parts = [
        "# The honest table",
        "",
        "Photos protected for one model and read by others that the method never saw. *kept*: of",
        "the photos that a model reads right when clean, the share it still reads right in the",
        "written file after the attack; low is good for the panel, high for the authorized model.",
        "*clean*: the same of the originals after the attack, the most an attacker could hope for.",
        "Intervals are 95 % Wilson; that of a mean is at the smallest n of any model.",
        "",
    ]
    for name, run in runs.items():
        settings = run["settings"]
        heads = ["attack", "panel kept, mean", "authorized kept", "clean"]
        parts += [
            f"## {name}",
            "",
            f"Photos {which(run)}. Authorized: {settings['authorized']}. "
            f"Panel: {', '.join(settings['panel'])}.",
            "",
            *([] if name.endswith(LEARNERS) else [table(heads, attacks(run)), ""]),
            *_learners(run["figures"]),
        ]
    return "\n".join([*parts, measured_on(runs)])


def attacks(run: Run) -> list[list[str]]:
    """A row for every attack that does not learn, and before them noise of the same size."""
    figures = run["figures"]
    rows = [
        [f"noise of the same size instead ({name})", _panel(row), _share(row, "authorized"), "-"]
        for name, row in figures["controls"].items()
    ]
    rows.append(["none", _panel(figures), _share(figures["authorized"], "kept"), "-"])
    rows += [
        [name, _panel(row), _share(row, "authorized"), _share(row, "panel_clean_mean")]
        for name, row in figures["under"].items()
    ]
    return rows


def _learners(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for row in figures["adaptive"]:
        rows.append([f"{row['name']} before learning", row["held_out"], _share(row, "kept_before")])
        rows.append([_LEARNED[row["way"]].format(**row), row["held_out"], _share(row, "kept")])
    found = figures["detection"]
    told = [] if found is None else [_detected(found), ""]
    heads = ["who reads photos that nothing was learned from", "photos", "kept"]
    return [*([table(heads, rows), ""] if rows else []), *told]


def _detected(found: Mapping[str, Any]) -> str:
    return (
        f"A detector that learned from {found['learned_from']} photos tells protected ones from "
        f"clean ones: right in {_share(found, 'accuracy')} of {found['held_out']} others."
    )


def _panel(row: Mapping[str, Any]) -> str:
    return _share(row, "panel_kept_mean")


def _share(row: Mapping[str, Any], name: str) -> str:
    return percent(share_of(row, name))


def share_of(row: Mapping[str, Any], name: str) -> Share:
    """A share as `audit.json` holds it."""
    n, low, high = (row[part][name] for part in ("n", "low", "high"))
    return Share(value=row[name], n=n, low=low, high=high)
