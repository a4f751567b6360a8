"""The page of the leave-one-out matrix."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.runs import Run, measured_on, table, which

from anamorph.metrics.accuracy import Share, mean_share

LOOKS = ("authorized", "protected", "failed", "PSNR, dB", "SSIM", "s/picture")


def page(runs: Mapping[str, Run]) -> str:
    """A table of readings kept for every set and preset, and what it costs."""
    parts = [
        "# Each model authorized in turn",
        "",
        "Rows: pictures protected for this model, without labels and without surrogates. Columns:",
        "who reads the written files. *kept*: of the pictures that a model reads right when clean,",
        "the share it still reads right; high is good for the authorized model (bold), low for the",
        "others. Intervals are 95 % Wilson; that of a mean is at the smallest n of what it is the",
        "mean of, as if all of it always agreed: rather too wide.",
        "",
    ]
    for (name, preset, numbers), rows in _groups(runs).items():
        parts += [f"## {name} {numbers}, {preset}", "", _kept(rows), "", _looks(rows), ""]
    parts += ["## The models", "", _models(runs), "", measured_on(runs)]
    return "\n".join(parts)


def _groups(runs: Mapping[str, Run]) -> dict[tuple[str, str, str], list[Run]]:
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs.values():
        settings = run["settings"]
        groups.setdefault((settings["set"], settings["preset"], which(run)), []).append(run)
    return groups


def _kept(rows: Sequence[Run]) -> str:
    names = rows[0]["settings"]["models"]
    ordered = sorted(rows, key=lambda run: names.index(run["settings"]["authorized"]))
    lines = [
        [
            run["figures"]["authorized"],
            *(_cell(cell, run["figures"]["authorized"]) for cell in run["figures"]["cells"]),
            percent(share_of(run["figures"]["panel_kept_mean"])),
        ]
        for run in ordered
    ]
    means = [mean_share(list(_unseen(rows, name))) for name in names]
    own = mean_share([share_of(run["figures"]["authorized_kept"]) for run in rows])
    others = mean_share([share_of(run["figures"]["panel_kept_mean"]) for run in rows])
    lines.append(["mean, not authorized", *map(percent, means), percent(others)])
    kept = table(["authorized", *names, "the others, mean"], lines)
    return f"{kept}\n\nThe authorized models keep {percent(own)} on average."


def _unseen(rows: Iterable[Run], name: str) -> Iterable[Share]:
    for run in rows:
        for cell in run["figures"]["cells"]:
            if cell["reader"] == name != run["figures"]["authorized"]:
                yield share_of(cell["kept"])


def _cell(cell: Mapping[str, Any], authorized: str) -> str:
    if cell["error"]:
        return "failed"
    words = percent(share_of(cell["kept"]))
    return f"**{words}**" if cell["reader"] == authorized else words


def _looks(rows: Sequence[Run]) -> str:
    return table(
        LOOKS,
        [
            [
                f["authorized"],
                f["protected"],
                f["failed"],
                number(f["psnr_mean"], 2),
                number(f["ssim_mean"], 4),
                number(f["seconds_per_picture"], 2),
            ]
            for f in (run["figures"] for run in rows)
        ],
    )


def _models(runs: Mapping[str, Run]) -> str:
    clean = {
        (run["settings"]["set"], which(run), name): share
        for run in runs.values()
        for name, share in run["figures"]["clean"].items()
    }
    return table(
        ["pictures", "model", "right when clean"],
        [
            [f"{which_set} {numbers}", name, percent(share_of(share))]
            for (which_set, numbers, name), share in clean.items()
        ],
    )


def share_of(plain: Mapping[str, Any]) -> Share:
    """A share as results hold it."""
    return Share(value=plain["share"], n=plain["n"], low=plain["low"], high=plain["high"])


def percent(share: Share) -> str:
    """A share with its interval and n."""
    if share.value is None:
        return "-"
    low, high = 100 * share.low, 100 * share.high
    return f"{100 * share.value:.1f} % ({low:.1f} to {high:.1f}, n {share.n})"


def number(value: float | None, digits: int) -> str:
    """A figure, where there is one."""
    return "-" if value is None else f"{value:.{digits}f}"
