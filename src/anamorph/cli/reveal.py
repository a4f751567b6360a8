"""`anamorph reveal`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.hide.records import RevealReport
from anamorph.app.hide.reveal import reveal
from anamorph.app.shards.use_cases import Reveals
from anamorph.cli.options import json_file, max_megapixels, model_device
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.cli.sharded import Spread, check_sendable, resume_shards, run_sharded, sharded
from anamorph.files.photo import Limits


@click.command("reveal", short_help="Reveal hidden photos.")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Folder for the originals.")
@click.option(
    "--key",
    "key_",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The key they were hidden with.",
)
@passphrase_option
@click.option(
    "--service",
    metavar="MODEL",
    help="Compare this model's readings of the hidden and the revealed pictures.",
)
@resume_shards
@model_device
@sharded
@max_megapixels
@json_file
def command(
    sources: tuple[str, ...],
    out: str,
    key_: Path,
    passphrase_file: Path | None,
    service: str | None,
    device: str,
    max_megapixels: float,
    json_: str | None,
    resume: bool,
    spread: Spread,
) -> int:
    """Turn hidden pictures back.

    Sealed pictures give the original files back, bit for bit, under their names. Nothing is ever
    overwritten; what is there already is passed over.
    """
    check_json(json_)
    if spread.wanted(sources, out):
        check_sendable(key_, passphrase_file)
    key = open_key(key_, passphrase_file)
    limits = Limits(max_pixels=int(max_megapixels * 1e6))
    if spread.wanted(sources, out):
        anywhere = Reveals(key=key_, service=service, limits=limits, device=device)
        return run_sharded(
            anywhere, sources, out, spread, device=device, resume=resume, json_=json_
        )
    with Counter("revealing") as counter:
        report = reveal(
            sources,
            out,
            key,
            service=service,
            limits=limits,
            device=device,
            found=counter.expect,
            done=counter.advance,
        )
    write_json(json_, report.as_json())
    _show(report, out=console(json_))
    return 0 if report.ok else 1


def _show(report: RevealReport, out: Any) -> None:
    summary = report.summary
    said = [i for i in report.images if i.reason and i.status != "skipped"]
    if said:
        rows = [(i.source, i.status, i.reason.removeprefix(f"{i.source}: ")) for i in said]
        out.print(table("of note", ("picture", "", "why"), rows))
    out.print(
        f"{summary['revealed']} revealed, {summary['skipped']} there already, "
        f"{summary['failed']} failed, in {summary['seconds']:.1f} s → {report.out}",
        soft_wrap=True,
    )
    if summary["exact"]:
        out.print(f"{summary['exact']} are the original files, bit for bit")
