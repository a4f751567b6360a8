"""The page of runs in shards on a cluster."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.runs import Run, measured_on, table

BAR = 1.7
"""Two workers over one, at least."""


def page(runs: Mapping[str, Run]) -> str:
    """What was measured, part by part."""
    parts = ["# Runs in shards on a Ray cluster", ""]
    for name, told in (
        ("throughput", _throughput),
        ("dispatch", _dispatch),
        ("kills", _kills),
        ("capacity", _capacity),
    ):
        if name in runs:
            parts += [*told(runs[name]), ""]
    return "\n".join([*parts, measured_on(runs)])


def _throughput(run: Run) -> Iterator[str]:
    figures = run["figures"]
    rounds = figures["of_each_round"]
    yield "## Two workers beside one"
    yield ""
    yield (
        f"{run['n'] // 4} and {run['n']} portraits of {run['settings']['size']} pixels, whole runs "
        "in turns, Ray already running. At work, one worker in this process protects "
        f"{figures['here_per_second']:.2f} a second, two on Ray {figures['ray_per_second']:.2f}: "
        f"**{figures['ray_over_here']:.2f}** times as many ({_span(rounds)}; bar {BAR}). "
        f"Workers of a run take "
        f"{figures['seconds_to_start']:.0f} s to start, so the whole run of {run['n']} was "
        f"{figures['whole_run']:.2f} times as fast."
    )


def _span(rounds: Sequence[float]) -> str:
    if len(rounds) == 1:
        return "in one round"
    return f"{min(rounds):.2f} to {max(rounds):.2f} in {len(rounds)} rounds"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _dispatch(run: Run) -> Iterator[str]:
    figures = run["figures"]
    yield "## Handing shards over"
    yield ""
    yield (
        f"{figures['shards']} shards without work: {figures['shards_per_second']:.1f} a second. "
        "That is what one driver can hand out."
    )


def _kills(run: Run) -> Iterator[str]:
    figures, killed = run["figures"], run["figures"]["killed"]
    yield "## Killed"
    yield ""
    yield (
        f"{run['n']} portraits from a bucket to a bucket (a real S3 server on this machine), two "
        f"workers. Workers were killed {_times(killed.get('workers', 0))}, the driver "
        f"{_times(killed.get('drivers', 0))}, at random; it was started "
        f"{_times(figures['drivers_started'])}. Lost: **{figures['lost']}**, doubled: "
        f"**{figures['doubled']}**, wrong: **{figures['wrong']}**, failed: {figures['failed']}."
    )


def _capacity(run: Run) -> Iterator[str]:
    figures = run["figures"]
    checked = figures["checked"]
    yield "## How far it goes"
    yield ""
    yield (
        f"A simulation with the measured times: {figures['seconds_a_picture']:.3f} s a picture, "
        f"{figures['seconds_a_shard']:.1f} s a shard, {1000 * figures['seconds_to_hand_over']:.0f} "
        "ms to hand one over. It says that two workers are "
        f"{checked['simulated_two_over_one']:.2f} times as fast as one; measured were "
        f"{checked['measured_two_over_one']:.2f}. One driver keeps at most "
        f"{figures['most_workers']:,} workers busy."
    )
    yield ""
    yield table(["pictures", "workers", "hours", "workers at work"], map(_row, figures["rows"]))


def _row(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['pictures']:,}",
        f"{row['workers']:,}",
        f"{row['hours']:,.2f}",
        f"{row['busy']:.1%}",
    ]
