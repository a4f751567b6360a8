"""The page of the ablation, and its curves of protection against looks."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from benchmarks.page_protect import percent
from benchmarks.runs import Run, measured_on, table

BASELINE = "fast"
"""The run that nothing is changed in."""

OF_FAST = {
    "lambda": ("balance", "constrained"),
    "epsilon": ("epsilon", None),
    "alpha": ("step_size", None),
    "N": ("steps", None),
    "momentum": ("momentum", None),
    "smoothing": ("smoothing", None),
    "comfort": ("comfort", None),
    "layer mean": ("layer_mean", "geometric"),
    "shrink": ("shrink", None),
    "views": ("views", None),
    "resolution": ("resolution", None),
    "look every": ("look_every", None),
}
"""Which parameter a sweep changes, and what stands for the baseline where it has no number."""

MEANS = {
    "layer": "Each candidate of the network tapped alone; `fast` taps several",
    "lambda": "Weight of the reading kept, where terms are simply added (`--balance sum`)",
    "epsilon": "Largest change of a value, in 8-bit levels",
    "alpha": "Change of a value in one step, in 8-bit levels",
    "N": "Steps",
    "momentum": "Decay of the accumulated gradient",
    "smoothing": "Standard deviation of the gradient's blur, in pixels",
    "comfort": "Margin of the reading, in logits, below which keeping it gains weight",
    "layer mean": "How the distortions of layers are averaged",
    "shrink": "Share of a step by which changes are drawn back, in the second half of the steps",
    "views": "Views of the picture that are distorted in turn",
    "resolution": "Share of the network's resolution at which its features are distorted",
    "look every": "Steps from one look at the authorized reading to the next",
}

WIDE, TALL, EDGE = 300, 220, 46
"""Of one panel of curves, in pixels, and of what lies around its plot."""

COLUMNS = 3


def page(runs: Mapping[str, Run]) -> str:
    """One table for each thing that is changed."""
    parts = [
        "# What each parameter of `fast` is worth",
        "",
        "One thing changed at a time, on real photos. *kept*: of the pictures that a model reads",
        "right when clean, the share it still reads right; low is good of the panel, high of the",
        "authorized model. A photo that fails its check is tried again with more effort, up to the",
        "limit of `protect`; what then fails has no file and is left out. Intervals are 95 %:",
        "Wilson for one model, a bootstrap over photos for means.",
        "",
        "![panel kept against PSNR, one panel for each parameter](ablation.svg)",
        "",
    ]
    for sweep, rows in sweeps(runs).items():
        parts += [f"## {sweep}", "", MEANS.get(sweep, "") + ".", "", _table(rows), ""]
    return "\n".join([*parts, measured_on(runs)])


def sweeps(runs: Mapping[str, Run]) -> dict[str, list[tuple[str, Run]]]:
    """The runs of each sweep with their values, the baseline among them, in order."""
    found: dict[str, list[tuple[str, Run]]] = {}
    for run in runs.values():
        sweep = run["settings"]["sweep"]
        if sweep:
            found.setdefault(sweep, []).append((run["settings"]["value"], run))
    if BASELINE in runs:
        for sweep, rows in found.items():
            rows.append((_own_value(sweep, runs[BASELINE]), runs[BASELINE]))
    for sweep, rows in found.items():
        if sweep != "layer":
            rows.sort(key=lambda row: _number(row[0]))
    return found


def _own_value(sweep: str, baseline: Run) -> str:
    parameter, said = OF_FAST.get(sweep, ("", None))
    taken = baseline["settings"]["parameters"].get(parameter)
    if said is not None or taken is None:
        return f"`fast` ({said or ', '.join(baseline['settings']['taps'])})"
    return f"{taken:g} (`fast`)"


def _number(value: str) -> float:
    try:
        return float(value.split()[0])
    except ValueError:
        return float("inf")


def _table(rows: Sequence[tuple[str, Run]]) -> str:
    return table(
        ["value", "panel kept, mean", "authorized kept", "failed", "PSNR, dB", "SSIM", "CPU s"],
        [[value, *_figures(run["figures"])] for value, run in rows],
    )


def _figures(figures: Mapping[str, Any]) -> list[Any]:
    looks = figures["quality"]
    return [
        percent(figures["panel_kept_mean"]),
        percent(figures["authorized"]["kept"]),
        figures["outcome"]["failed"],
        looks.get("psnr_mean", "-"),
        looks.get("ssim_mean", "-"),
        figures["cost"]["cpu_seconds_per_photo"],
    ]


def curves(runs: Mapping[str, Run]) -> str:
    """An SVG: for each parameter, what the panel keeps against PSNR, value after value."""
    panels = [
        _panel(sweep, points, i % COLUMNS * WIDE, i // COLUMNS * TALL)
        for i, (sweep, rows) in enumerate(sweeps(runs).items())
        if (points := _points(rows))
    ]
    tall = TALL * -(-len(panels) // COLUMNS) or TALL
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE * COLUMNS}" height="{tall}" '
        f'viewBox="0 0 {WIDE * COLUMNS} {tall}" font-family="sans-serif" font-size="10">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _points(rows: Sequence[tuple[str, Run]]) -> list[tuple[str, float, float]]:
    """Value, PSNR and share of the runs that have both."""
    known = [
        (value, run["figures"]["quality"].get("psnr_mean"), run["figures"]["panel_kept_mean"])
        for value, run in rows
    ]
    return [
        (value.replace("`", ""), psnr, kept["share"])
        for value, psnr, kept in known
        if psnr is not None and kept["share"] is not None
    ]


def _panel(sweep: str, points: Sequence[tuple[str, float, float]], left: int, top: int) -> str:
    low = min(psnr for _, psnr, _ in points) - 0.5
    high = max(psnr for _, psnr, _ in points) + 0.5

    def at(psnr: float, kept: float) -> tuple[float, float]:
        x = left + EDGE + (psnr - low) / (high - low) * (WIDE - EDGE - 20)
        return x, top + 24 + (1 - kept) * (TALL - EDGE - 24)

    marks = [(value.split(" (")[0], *at(psnr, kept)) for value, psnr, kept in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for _, x, y in marks)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#c05a3e"/>'
        f'<text x="{x + 4:.1f}" y="{y - 4:.1f}">{escape(value)}</text>'
        for value, x, y in marks
    )
    line = "" if sweep == "layer" else f'<polyline points="{path}" fill="none" stroke="#c05a3e"/>'
    (x0, y0), (x1, y1) = at(low, 0), at(high, 1)
    axes = (
        f'<path d="M{x0:.1f},{y1:.1f}V{y0:.1f}H{x1:.1f}" fill="none" stroke="#655f56"/>'
        f'<text x="{left + 6}" y="{y1 + 4:.1f}">100 %</text>'
        f'<text x="{left + 6}" y="{y0 + 4:.1f}">0 %</text>'
        f'<text x="{x0:.1f}" y="{y0 + 14:.1f}">{low:.1f}</text>'
        f'<text x="{x1:.1f}" y="{y0 + 14:.1f}" text-anchor="end">{high:.1f} dB</text>'
        f'<text x="{left + EDGE}" y="{top + 14}" font-size="12">{escape(sweep)}</text>'
    )
    return axes + line + dots
