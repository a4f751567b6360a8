"""`anamorph hide`."""

from itertools import chain
from pathlib import Path
from typing import Any

import click

from anamorph.app.hide.hide import PRESETS, WEAKNESSES, chosen_parameters, hide
from anamorph.app.hide.records import HideReport
from anamorph.app.shards.use_cases import Hides
from anamorph.cli.options import json_file, max_megapixels, model_device, resume_run
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.cli.render import Bar, check_json, console, number, table, write_json
from anamorph.cli.sharded import Spread, check_sendable, run_sharded, sharded
from anamorph.files.photo import Limits


@click.command("hide", short_help="Hide photos.")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Folder for the results.")
@click.option(
    "--service",
    required=True,
    metavar="MODEL",
    help="The model that still reads: a card, or timm:NAME, torchvision:NAME, hf:ORG/NAME, "
    "portraits:NAME.",
)
@click.option(
    "--key",
    "key_",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The key that reveals: its kind says how to hide. Make one with `anamorph key new`.",
)
@passphrase_option
@click.option(
    "--preset",
    type=click.Choice(list(dict.fromkeys(chain(*PRESETS.values())))),
    default="full",
    show_default=True,
    help="How much effort; paper and paper-classifier are for network keys.",
)
@resume_run
@model_device
@sharded
@max_megapixels
@json_file
def command(
    sources: tuple[str, ...],
    out: str,
    service: str,
    key_: Path,
    passphrase_file: Path | None,
    preset: str,
    resume: bool,
    device: str,
    max_megapixels: float,
    json_: str | None,
    spread: Spread,
) -> int:
    """Hide photos in pictures of noise that one model still reads and only the key reveals.

    Originals are never touched. Every result is decoded again and checked before it counts. Hidden
    pictures need lossless storage; with a permuted key they also survive JPEG.
    """
    check_json(json_)
    if spread.wanted(sources, out):
        check_sendable(key_, passphrase_file)
    key = open_key(key_, passphrase_file)
    parameters = chosen_parameters(key, preset)
    if key.kind in WEAKNESSES:
        click.echo(f"warning: {WEAKNESSES[key.kind]}", err=True)
    limits = Limits(max_pixels=int(max_megapixels * 1e6))
    if spread.wanted(sources, out):
        anywhere = Hides(service=service, key=key_, preset=preset, limits=limits, device=device)
        return run_sharded(
            anywhere, sources, out, spread, device=device, resume=resume, json_=json_
        )
    with Bar("hiding", parameters.steps) as bar:
        report = hide(
            sources,
            out,
            service,
            key,
            parameters=parameters,
            resume=resume,
            limits=limits,
            device=device,
            found=bar.expect,
            watch=bar.watch,
            done=bar.done,
        )
    write_json(json_, report.as_json())
    _show(report, out=console(json_))
    return 0 if report.ok else 1


def _show(report: HideReport, out: Any) -> None:
    summary = report.summary
    failed = [i for i in report.images if i.status == "failed"]
    if failed:
        rows = [(i.source, i.reason.removeprefix(f"{i.source}: ")) for i in failed]
        out.print(table("failed", ("picture", "why"), rows))
    out.print(
        f"{summary['hidden']} hidden, {summary['skipped']} done before, {summary['failed']} "
        f"failed, in {summary['seconds']:.1f} s → {report.out}",
        soft_wrap=True,
    )
    good = [i for i in report.images if i.status != "failed"]
    if not good:
        return
    service = report.models["service"]["name"]
    if summary["cosine"] is not None:
        cosines = [i.cosine for i in good]
        out.print(
            f"{service} reads hidden as original: cosine {number(cosines)} in the median, "
            f"{number(cosines, min)} at least"
        )
    else:
        out.print(f"{service} gives {sum(i.kept is True for i in good)} of {len(good)} its answer")
    correlations = [abs(i.block_correlation or 0) for i in good]
    others = [i.other_key_ssim for i in good]
    other = (
        f"a network that anybody could train reveals them at an SSIM of {number(others)}"
        if report.weakness
        else "a random other key none"
    )
    out.print(
        f"what shows: median SSIM {number([i.ssim for i in good])}, block correlation "
        f"{number(correlations)}; key {report.key} reveals every one, {other}",
        soft_wrap=True,
    )
    out.print(f"lose the key {report.key}, and these pictures are lost: keep a copy")
