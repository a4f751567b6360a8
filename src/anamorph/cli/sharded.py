"""Options and output of runs in shards: over URLs, and on a cluster."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from anamorph.app.shards.carrying import UseCase
from anamorph.app.shards.cutting import PICTURES
from anamorph.app.shards.run import ShardsReport, run
from anamorph.batch.ray_data import OnRay
from anamorph.batch.shards import Engine, Here
from anamorph.cli.render import Counter, console, table, write_json
from anamorph.errors import UsageError
from anamorph.files.remote import is_url
from anamorph.keys import file as key_file

_ENGINE = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Work here, or on a Ray cluster, whose machines see the models, and what is no URL, "
        "under the same paths. With both, pictures may lie behind URLs: s3://, gs://, file://.",
    ),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        envvar="RAY_ADDRESS",
        help="Of a running Ray cluster, or auto. Without it --engine ray starts one on this "
        "machine.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="With --engine ray: processes, each with its own models. Default: one for each core.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="With --engine ray: cores of each worker.",
    ),
)

_SHARD = (
    click.option(
        "--shard",
        type=click.IntRange(min=1),
        default=PICTURES,
        show_default=True,
        help="Pictures that one worker takes at a time, on average; done again if it dies. Of runs "
        "over URLs, and with --engine ray.",
    ),
)


resume_shards = click.option(
    "--resume",
    is_flag=True,
    help="Go on with a run over URLs or a cluster that was stopped; others go on when they are "
    "called again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a run in shards is spread."""

    engine: str
    cluster: str | None
    workers: int | None
    threads: int
    shard: int = PICTURES

    def wanted(self, sources: Sequence[str], out: str) -> bool:
        """Whether what was asked for is a run in shards.

        Raises:
            UsageError: workers without an engine that has some.
        """
        if self.workers is not None and self.engine != "ray":
            raise UsageError("--workers is for --engine ray; the engine local has one worker")
        return self.engine == "ray" or any(map(is_url, [*sources, out]))

    def over(self, device: str) -> Engine:
        """The engine that was asked for, for models on a device."""
        if self.engine == "ray":
            return OnRay(
                workers=self.workers, threads=self.threads, address=self.cluster, device=device
            )
        return Here()


def sharded(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of runs in shards; it gets them as `spread`."""
    return _gathered(command, (*_ENGINE, *_SHARD))


def spread_reading(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that say where models read; it gets them as `spread`."""
    return _gathered(command, _ENGINE)


def _gathered(
    command: Callable[..., int], options: Sequence[Callable[..., Any]]
) -> Callable[..., int]:
    @wraps(command)
    def gathered(**given: Any) -> int:
        own = {f.name: given.pop(f.name) for f in fields(Spread) if f.name in given}
        return command(spread=Spread(**own), **given)

    wrapped: Callable[..., int] = gathered
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def check_sendable(key: Path, passphrase_file: Path | None) -> None:
    """Refuse a locked key: every worker opens the file itself, and there is nobody to ask.

    Raises:
        UsageError: the key is locked.
    """
    if passphrase_file is not None or key_file.info(key).locked:
        raise UsageError(
            f"{key}: is locked, and workers cannot ask for a passphrase; use an unlocked key file "
            "that lies under this path on every machine (`anamorph key passwd --unlock`)"
        )


def run_sharded(
    use_case: UseCase,
    sources: Sequence[str],
    out: str,
    spread: Spread,
    *,
    device: str,
    resume: bool,
    json_: str | None,
) -> int:
    """Run in shards, and show what was done; the exit code."""
    with Counter(use_case.good) as counter:

        def done(status: str, why: str) -> None:
            counter.advance(status)
            if why:
                counter.say(Text.assemble(("failed", "red"), " ", why))

        with redirect_stdout(sys.stderr):  # Ray tells there of dead workers; JSON may go there
            report = run(
                sources,
                out,
                use_case,
                spread.over(device),
                pictures=spread.shard,
                resume=resume,
                found=counter.expect,
                done=done,
            )
    write_json(json_, report.as_json())
    _show(report, use_case.good, console(json_))
    return 0 if report.ok else 1


def _show(report: ShardsReport, good: str, out: Any) -> None:
    if report.failures:
        rows = [(source, why.removeprefix(f"{source}: ")) for source, why in report.failures]
        out.print(table("failed", ("picture", "why"), rows))
    counts = report.counts
    out.print(
        f"{counts.get(good, 0)} {good}, {counts.get('skipped', 0)} done before, "
        f"{counts.get('failed', 0)} failed, in {report.seconds:.1f} s → {report.out}",
        soft_wrap=True,
    )
    right, judged = report.kept
    if judged:
        out.print(f"{right} of {judged} right readings are kept (read from the files)")
    for name, (right, judged) in report.also_kept.items():
        out.print(f"{name} keeps {right} of its {judged} readings")
    out.print(f"what became of every picture: {report.out}/manifest/*.parquet", soft_wrap=True)
