"""The results of a benchmark: a JSON file of finished runs, and a page to read beside it.

    {"benchmark": NAME, "schema": 1,
     "runs": {RUN: {"date", "machine", "versions", "settings", "n", "figures", "seconds"}}}

Every run is saved as it ends. A run that is there with equal settings is kept, so a benchmark that
was stopped goes on where it stopped.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.machine import machine, versions

SCHEMA = 1
REQUIRED = ("date", "machine", "versions", "settings", "n", "figures", "seconds")
"""What every run holds."""

Run: TypeAlias = dict[str, Any]
"""A finished run, with the keys `REQUIRED`."""

Page: TypeAlias = Callable[[Mapping[str, Run]], str]
"""Writes the Markdown page of a benchmark's runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results file of one benchmark; the page lies beside it."""

    folder: Path
    name: str
    page: Page
    redo: bool = False

    @property
    def path(self) -> Path:
        """The JSON file."""
        return self.folder / f"{self.name}.json"

    def runs(self) -> dict[str, Run]:
        """The finished runs; none where there is no file yet.

        Raises:
            ValueError: the file is damaged or of another schema.
        """
        if not self.path.exists():
            return {}
        content = json.loads(self.path.read_text(encoding="utf-8"))
        if content.get("benchmark") != self.name or content.get("schema") != SCHEMA:
            raise ValueError(
                f"{self.path}: not results of `{self.name}` with schema {SCHEMA}; move it away"
            )
        runs: dict[str, Run] = content["runs"]
        return runs

    def measure(
        self, run: str, settings: Mapping[str, Any], n: int, figures: Callable[[], Any]
    ) -> None:
        """Measure and save, unless this run is there with the same settings."""
        wanted = json.loads(json.dumps(dict(settings)))  # as it will be read back
        done = self.runs().get(run)
        if done is not None and done["settings"] == wanted and not self.redo:
            print(f"{run}: done on {done['date']}, kept (measure again with --redo)", flush=True)
            return
        print(f"{run}: measuring", flush=True)
        where, began = machine(), time.perf_counter()
        measured = figures()
        seconds = time.perf_counter() - began
        self._save(
            run,
            {
                "date": time.strftime("%Y-%m-%d", time.gmtime()),
                "machine": where,
                "versions": versions(),
                "settings": wanted,
                "n": n,
                "figures": measured,
                "seconds": round(seconds, 1),
            },
        )
        print(f"{run}: {seconds:.0f} s", flush=True)

    def _save(self, run: str, content: Run) -> None:
        runs = {**self.runs(), run: content}
        whole = {"benchmark": self.name, "schema": SCHEMA, "runs": runs}
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
        _replace(self.path, text + "\n")
        _replace(self.path.with_suffix(".md"), self.page(runs))


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table.

    Example:
        >>> print(table(["a", "b"], [[1, 2]]))
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def which(run: Run) -> str:
    """Which photos of a list were measured.

    Example:
        >>> which({"settings": {"first": 100}, "n": 200})
        '101 to 300'
    """
    first = run["settings"]["first"]
    return f"{first + 1} to {first + run['n']}"


def measured_on(runs: Mapping[str, Run]) -> str:
    """One line for every different machine and set of versions that runs were measured with."""
    lines: dict[str, list[str]] = {}
    for name, run in runs.items():
        m, v = run["machine"], run["versions"]
        line = (
            f"{m['cpu']}, {m['threads']} of {m['cores']} cores, {m['memory_gib']} GiB; "
            f"anamorph {v['anamorph']}, torch {v['torch']}, Python {v['python']}; {run['date']}"
        )
        lines.setdefault(line, []).append(name)
    if len(lines) == 1:
        return f"Measured on {next(iter(lines))}.\n"
    return "\n".join(f"- {', '.join(names)}: {line}" for line, names in lines.items()) + "\n"


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
