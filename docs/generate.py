"""Rewrites the generated parts of the documentation; `--check` only says what has drifted.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from anamorph.adversaries.transforms import TRANSFORMS
from anamorph.cli import COMMANDS, anamorph
from anamorph.methods import advface, avih, decoy, fmd_parameters, permuted, sealed
from anamorph.parameters import Knob, knobs, shown

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.honest import honest

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
PAGES = (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")))
PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def parameters(presets: Mapping[str, Any], what: str, named: Callable[[Knob], str]) -> str:
    """One row for every knob, with its value in every preset."""
    names = " | ".join(f"`{name}`" for name in presets)
    rows = [
        f"| {what} | symbol | {names} | range | meaning |",
        "| --- | --- | " + " | ".join("---" for _ in presets) + " | --- | --- |",
    ]
    values = {name: shown(p) for name, p in presets.items()}
    for k in knobs(next(iter(presets.values()))):
        cells = " | ".join(_value(values[name][k.name]) for name in presets)
        rows.append(f"| `{named(k)}` | {k.symbol} | {cells} | {k.range} | {k.meaning} |")
    return "\n".join(rows)


def commands() -> str:
    """The help of every command."""
    parts = []
    for name in sorted(COMMANDS):
        command = anamorph.get_command(click.Context(anamorph), name)
        if command is None:
            raise LookupError(name)
        parts.extend(_helps(command, f"anamorph {name}"))
    return "\n\n".join(parts)


def transforms() -> str:
    """One row for every transform."""
    rows = [f"| `{t.name}` | {t.meaning} |" for t in TRANSFORMS.values()]
    return "\n".join(["| name | what happens to the picture |", "| --- | --- |", *rows])


def protect_results(benchmark: str = "protect") -> str:
    """Who still reads protected photos, from a committed benchmark."""
    runs = json.loads(RESULTS.joinpath(f"{benchmark}.json").read_text(encoding="utf-8"))["runs"]
    rows = [
        "| | photos | authorized kept | unseen models kept, mean | PSNR |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, run in runs.items():
        figures = run["figures"]
        own, others = figures["authorized"]["kept"], figures["panel_kept_mean"]
        psnr = figures["quality"]["psnr_median"]
        which = f"{run['settings']['first'] + 1} to {run['settings']['first'] + run['n']}"
        rows.append(f"| {name} | {which} | {_share(own)} | {_share(others)} | {psnr:.1f} dB |")
    return "\n".join(rows)


def capacity() -> str:
    """How long a cluster takes, from the committed simulation."""
    runs = json.loads(RESULTS.joinpath("cluster.json").read_text(encoding="utf-8"))["runs"]
    found: dict[int, dict[int, str]] = {}
    for row in runs["capacity"]["figures"]["rows"]:
        found.setdefault(row["pictures"], {})[row["workers"]] = f"{row['hours']:,.1f}"
    workers = sorted({number for row in found.values() for number in row})
    heads = ["pictures, hours with", *(f"{number:,} workers" for number in workers)]
    rows = [
        [f"{pictures:,}", *(row.get(number, "") for number in workers)]
        for pictures, row in sorted(found.items())
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows))


def _share(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['share']:.1%} ({low:.1%} to {high:.1%})"


def _helps(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name, terminal_width=88, max_content_width=88)
    parts = [f"### `{name}`\n\n```text\n{command.get_help(context)}\n```"]
    if isinstance(command, click.Group):
        for sub in sorted(command.commands):
            parts.extend(_helps(command.commands[sub], f"{name} {sub}"))
    return parts


def _flag(k: Knob) -> str:
    return "--" + k.name.replace("_", "-")


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _name(k: Knob) -> str:
    return k.name


PARTS: dict[str, Callable[[], str]] = {
    "advface-parameters": lambda: parameters(advface.PRESETS, "advface", _name),
    "capacity": capacity,
    "commands": commands,
    "decoy-parameters": lambda: parameters(decoy.PRESETS, "decoy", _name),
    "honest": honest,
    "fmd-parameters": lambda: parameters(fmd_parameters.PRESETS, "option", _flag),
    "protect-results": protect_results,
    "unseen-results": lambda: protect_results("unseen"),
    "network-parameters": lambda: parameters(avih.PRESETS, "network", _name),
    "permuted-parameters": lambda: parameters(permuted.PRESETS, "permuted", _name),
    "sealed-parameters": lambda: parameters(sealed.PRESETS, "sealed", _name),
    "transforms": transforms,
}


def main() -> int:
    """Rewrite, or with `--check` compare; the exit code."""
    check = "--check" in sys.argv[1:]
    drifted = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        new = PART.sub(lambda m: f"{m[1]}{PARTS[m[2]]()}\n{m[3]}", text)
        if new != text:
            drifted.append(page.name)
            if not check:
                page.write_text(new, encoding="utf-8")
    if check and drifted:
        sys.stderr.write(f"out of date: {', '.join(drifted)}; run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
