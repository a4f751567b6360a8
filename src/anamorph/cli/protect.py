"""`anamorph protect`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.protect.protect import protect
from anamorph.app.protect.protecting import Writing
from anamorph.app.records import ProtectReport
from anamorph.app.shards.use_cases import Protects
from anamorph.cli.options import (
    authorized_models,
    chosen,
    json_file,
    max_megapixels,
    method_options,
    model_device,
    resume_run,
    run_seed,
)
from anamorph.cli.render import Bar, check_json, console, number, table, write_json
from anamorph.cli.sharded import Spread, run_sharded, sharded
from anamorph.files.photo import Limits
from anamorph.methods.fmd_parameters import FMD, PRESETS


@click.command("protect", short_help="Protect photos.")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Folder for the results.")
@authorized_models
@click.option(
    "--surrogates",
    multiple=True,
    metavar="MODEL",
    help="A public model that stands in for the unauthorized ones; repeat for several. Stronger, "
    "and each costs about as much time as the authorized model.",
)
@click.option(
    "--survive",
    multiple=True,
    metavar="NAME",
    help="What happens to a shared file, after which authorized models must read it still: "
    "jpeg75, resize, another transform of docs/audit.md. Repeat it. Without it, jpeg75 is tried "
    "for and reported; none turns that off.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV with the columns file,label. Without it the first model's own reading is kept.",
)
@method_options(PRESETS, "fast")
@run_seed
@click.option(
    "--format",
    "format_",
    type=click.Choice(["png", "webp", "keep"]),
    default="png",
    show_default=True,
    help="PNG, lossless WebP, or the format of the original.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of JPEG, with --format keep.",
)
@click.option(
    "--metadata",
    type=click.Choice(["keep", "strip", "no-gps"]),
    default="keep",
    show_default=True,
    help="What happens to EXIF and XMP. Thumbnails and maker notes always go.",
)
@resume_run
@model_device
@sharded
@max_megapixels
@json_file
def command(
    sources: tuple[str, ...],
    out: str,
    authorized: tuple[str, ...],
    surrogates: tuple[str, ...],
    survive: tuple[str, ...],
    labels: Path | None,
    preset: str,
    seed: int,
    format_: Any,
    quality: int,
    metadata: Any,
    resume: bool,
    device: str,
    max_megapixels: float,
    json_: str | None,
    spread: Spread,
    **knobs: Any,
) -> int:
    """Protect photos and folders of photos, so that people and your own models still read them.

    Originals are never touched. Every result is decoded again and checked before it counts.
    """
    check_json(json_)
    parameters: FMD = chosen(PRESETS, preset, knobs)
    writing = Writing(format=format_, quality=quality, metadata=metadata)
    limits = Limits(max_pixels=int(max_megapixels * 1e6))
    if spread.wanted(sources, out):
        anywhere = Protects(
            authorized=authorized,
            surrogates=surrogates,
            survive=survive or None,
            parameters=parameters,
            seed=seed,
            writing=writing,
            limits=limits,
            device=device,
        )
        labeled = anywhere if labels is None else anywhere.labeled(labels)
        return run_sharded(labeled, sources, out, spread, device=device, resume=resume, json_=json_)
    with Bar("protecting", parameters.steps) as bar:
        report = protect(
            sources,
            out,
            authorized,
            surrogates=surrogates,
            survive=survive or None,
            parameters=parameters,
            labels=labels,
            seed=seed,
            writing=writing,
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


def _show(report: ProtectReport, out: Any) -> None:
    summary = report.summary
    failed = [i for i in report.images if i.status == "failed"]
    if failed:
        rows = [(i.source, i.reason.removeprefix(f"{i.source}: ")) for i in failed]
        out.print(table("failed", ("picture", "why"), rows))
    authorized = report.models["authorized"]["name"]
    out.print(
        f"{summary['protected']} protected, {summary['skipped']} done before, "
        f"{summary['failed']} failed, in {summary['seconds']:.1f} s → {report.out}",
        soft_wrap=True,
    )
    there = [i for i in report.images if i.status != "failed"]
    if judged := [i.kept for i in there if i.kept is not None]:
        kept = sum(judged) / len(judged)
        out.print(
            f"{authorized} keeps {kept:.1%} of its {len(judged)} right readings, from the files"
        )
    elif any(i.label is not None for i in there):
        out.print(
            f"{authorized} reads none of the originals as labeled; check the labels",
            soft_wrap=True,
        )
    further = dict.fromkeys(name for i in there for name in i.also_kept or ())
    for name in further:
        read = [i.also_kept[name] for i in there if i.also_kept]
        out.print(f"{name} keeps {sum(read) / len(read):.1%} of its {len(read)} readings")
    for form in dict.fromkeys(form for i in there for form in i.survives or ()):
        read = [i.survives[form] for i in there if i.survives]
        who = "all of them read" if further else "it reads"
        out.print(f"after {form} {who} {sum(read) / len(read):.1%} of {len(read)} files right")
    if there:
        out.print(
            f"largest change {number([i.linf for i in there], max)} levels of 255, "
            f"median PSNR {number([i.psnr for i in there])} dB, "
            f"median SSIM {number([i.ssim for i in there])}"
        )
