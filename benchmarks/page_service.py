"""The page of the service's benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.runs import Run, measured_on, table

LEAST_THROUGHPUT = 0.9
MOST_P99 = 100.0
MOST_GIB = 3.0


def page(runs: Mapping[str, Run]) -> str:
    """What was measured, each beside its bar."""
    rows = [row for name, run in runs.items() for row in _ROWS[name](run)]
    return "\n".join(
        [
            "# The service",
            "",
            "A service of its own on the machine that also asks it. *throughput*: the same",
            "portraits by `protect` in one process and, in turns, through the service with one",
            "worker, from the upload to the zip file; both with one thread. *kills*: jobs of one",
            "picture each, workers killed by SIGKILL at random. *hostile*: damaged pictures,",
            "bombs, lies about type, huge headers, broken forms. *health*: `/healthz` while every",
            "worker has more than it can do and uploads go on.",
            "",
            table(["part", "n", "what", "measured", "bar", "met"], rows),
            "",
            measured_on(runs),
        ]
    )


def _row(part: str, run: Run, what: str, measured: Any, bar: str, met: bool) -> list[Any]:
    return [part, run["n"], what, measured, bar, "yes" if met else "no"]


def _throughput(run: Run) -> list[list[Any]]:
    figures = run["figures"]
    wall, cpu = figures["service_over_library"], figures["service_over_library_cpu"]
    rounds = ", ".join(f"{quotient:.2f}" for quotient in figures["of_each_round"])
    return [
        _row(
            "throughput",
            run,
            f"service over library, by the clock (rounds: {rounds})",
            f"{wall:.2f}",
            f"at least {LEAST_THROUGHPUT}",
            wall >= LEAST_THROUGHPUT,
        ),
        _row(
            "throughput",
            run,
            "service over library, pictures per CPU second",
            f"{cpu:.2f}",
            f"at least {LEAST_THROUGHPUT}",
            cpu >= LEAST_THROUGHPUT,
        ),
    ]


def _kills(run: Run) -> list[list[Any]]:
    figures = run["figures"]
    return [
        _row(
            "kills",
            run,
            f"{name}, {figures['killed']} kills",
            figures[name],
            "0",
            not figures[name],
        )
        for name in ("lost", "doubled", "wrong")
    ]


def _hostile(run: Run) -> list[list[Any]]:
    figures = run["figures"]
    answers = ", ".join(f"{n} x {status}" for status, n in figures["answers"].items())
    crashes, hangs = figures["crashes"], figures["hangs"]
    peak = figures["peak_gib"]
    return [
        _row("hostile", run, f"crashes ({answers})", crashes, "0", not crashes),
        _row("hostile", run, "hangs", hangs, "0", not hangs),
        _row(
            "hostile",
            run,
            f"largest memory of a process, GiB (before: {figures['before_gib']:.2f})",
            f"{peak:.2f}",
            f"below {MOST_GIB:g}",
            peak < MOST_GIB,
        ),
    ]


def _health(run: Run) -> list[list[Any]]:
    figures = run["figures"]
    p99 = figures["p99_ms"]
    what = f"p99 of /healthz, ms (median {figures['median_ms']:.1f}, max {figures['max_ms']:.0f})"
    return [_row("health", run, what, f"{p99:.1f}", f"below {MOST_P99:g}", p99 < MOST_P99)]


_ROWS = {"throughput": _throughput, "kills": _kills, "hostile": _hostile, "health": _health}
