"""`anamorph audit compare`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.audit.compare.compare import compare
from anamorph.auditing.comparison import Compared, Comparison
from anamorph.auditing.comparison_report import HEADS, sentence
from anamorph.auditing.wording import counted, share
from anamorph.cli.options import (
    authorized_model,
    json_file,
    judging_labels,
    max_megapixels,
    model_device,
    panel_models,
    run_seed,
)
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.files.photo import Limits


@click.command("compare", short_help="The method beside old attacks and noise.")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@authorized_model
@panel_models
@click.option(
    "--surrogates",
    multiple=True,
    metavar="MODEL",
    help="A public model that stands in for the panel, for the ways that can use it. Repeat it.",
)
@judging_labels
@click.option(
    "--epsilon",
    type=click.FloatRange(min=0, max=255, min_open=True),
    default=16.0,
    show_default=True,
    help="Largest change of a value, in 8-bit levels, in every way.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Gradient steps of every way that takes any.",
)
@click.option("--only", multiple=True, metavar="WAY", help="Only this way. Repeat it.")
@run_seed
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for files and reports."
)
@model_device
@max_megapixels
@json_file
def command(
    sources: tuple[str, ...],
    authorized: str,
    panel: tuple[str, ...],
    surrogates: tuple[str, ...],
    labels: Path | None,
    epsilon: float,
    steps: int,
    only: tuple[str, ...],
    seed: int,
    out: Path,
    device: str,
    max_megapixels: float,
    json_: str | None,
) -> int:
    """Change photos with the method, with old attacks and with noise, and let the panel read all.

    Writes comparison.json, report.html and report.md into --out, after every way. The same command
    goes on where it was stopped.
    """
    check_json(json_)
    with Counter("changing") as counter:
        found = compare(
            sources,
            out,
            authorized,
            panel,
            surrogates=surrogates,
            labels=labels,
            epsilon=epsilon / 255,
            steps=steps,
            only=only,
            seed=seed,
            limits=Limits(max_pixels=int(max_megapixels * 1e6)),
            device=device,
            found=counter.expect,
            done=counter.advance,
        )
    write_json(json_, found.as_json())
    _show(found, console(json_))
    return 0 if found.ok else 1


def _show(found: Comparison, out: Any) -> None:
    out.print(table("readings kept", HEADS, [_row(row) for row in found.rows]))
    for model in found.models:
        if model.error:
            out.print(f"failed: {model.name}: {model.error}", soft_wrap=True)
    for row in found.rows:
        if row.failed:
            out.print(f"failed: {row.way}: {counted(row.failed, 'picture')}", soft_wrap=True)
    out.print(sentence(found), soft_wrap=True)
    out.print(
        f"{counted(found.pictures, 'picture')}, {counted(len(found.rows), 'way')} in "
        f"{found.seconds:.1f} s → {found.out}",
        soft_wrap=True,
    )


def _row(row: Compared) -> tuple[str, ...]:
    figures = ((row.psnr_mean, 1), (row.ssim_mean, 3), (row.seconds_per_picture, 2))
    looks = ("-" if value is None else f"{value:.{digits}f}" for value, digits in figures)
    return (row.way, share(row.own), share(row.panel), *looks)
