"""`anamorph audit protect`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.audit.anywhere import audit_anywhere
from anamorph.app.audit.protected.audit import audit
from anamorph.auditing.audit import Audit
from anamorph.auditing.figures import AdaptiveFigures, ModelFigures
from anamorph.auditing.learners import WAYS, told_apart
from anamorph.auditing.verdict import breakers, caution, verdict
from anamorph.auditing.wording import counted, percent, share
from anamorph.cli.audit_compare import command as compare
from anamorph.cli.audit_hide import hide
from anamorph.cli.audit_matrix import command as matrix
from anamorph.cli.audit_shield import shield
from anamorph.cli.options import (
    authorized_model,
    json_found,
    judging_labels,
    max_megapixels,
    model_device,
    panel_models,
    report_folder,
    report_formats,
)
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.cli.sharded import Spread, spread_reading
from anamorph.files.photo import Limits


@click.group("audit", short_help="Attack what was protected.")
def command() -> None:
    """Attack what was protected, and report what every model still reads."""


@command.command("protect")
@click.option("--originals", required=True, metavar="SRC", help="What was protected.")
@click.option("--protected", required=True, metavar="SRC", help="The protected files.")
@authorized_model
@panel_models
@judging_labels
@report_folder
@click.option(
    "--transforms",
    multiple=True,
    default=("quick",),
    show_default=True,
    metavar="NAME",
    help="quick, all, none, or the name of one, such as jpeg75. Repeat it.",
)
@click.option(
    "--purify",
    multiple=True,
    metavar="NAME",
    help="Denoise before reading: tv, nlm, wavelet, or learned:FILE. Repeat it.",
)
@click.option(
    "--adaptive",
    multiple=True,
    type=click.IntRange(min=2),
    metavar="K",
    help="Let the first classifier of the panel learn from K protected pictures and read the "
    "others; needs --labels. Repeat it.",
)
@click.option(
    "--distill",
    multiple=True,
    type=click.IntRange(min=2),
    metavar="K",
    help="Let it learn from K protected pictures what it answers for their originals; needs no "
    "labels. Repeat it.",
)
@click.option(
    "--detect", is_flag=True, help="Let a detector learn to tell protected pictures from originals."
)
@click.option(
    "--learn-seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Stop each training early after so many seconds.",
)
@click.option(
    "--analyses",
    is_flag=True,
    help="Look into the models: Grad-CAM, last feature maps and highest softmax values, before "
    "and after.",
)
@click.option(
    "--lpips",
    type=(str, click.Path(path_type=Path)),
    metavar="CARD WEIGHTS",
    help="Measure LPIPS too: by the taps of this network, with the learned weights in this file.",
)
@click.option(
    "--controls/--no-controls",
    default=True,
    show_default=True,
    help="Measure noise of the same size too.",
)
@click.option("--seed", default=0, show_default=True, help="Of noise and learning.")
@click.option(
    "--allow-surrogates",
    is_flag=True,
    help="Take models into the panel that were used while protecting; they are marked.",
)
@report_formats
@model_device
@spread_reading
@max_megapixels
@json_found
def protect(
    originals: str,
    protected: str,
    authorized: str,
    panel: tuple[str, ...],
    labels: Path | None,
    out: Path,
    transforms: tuple[str, ...],
    purify: tuple[str, ...],
    adaptive: tuple[int, ...],
    distill: tuple[int, ...],
    detect: bool,
    learn_seconds: float | None,
    analyses: bool,
    lpips: tuple[str, Path] | None,
    controls: bool,
    seed: int,
    allow_surrogates: bool,
    formats: Any,
    device: str,
    max_megapixels: float,
    json_: str | None,
    spread: Spread,
) -> int:
    """Let models read protected photos as they are, recompressed, resized and denoised.

    Writes audit.json and report.html, which opens in any browser, into --out.
    """
    check_json(json_)
    with Counter("auditing") as counter:
        result = audit_anywhere(
            audit,
            originals,
            protected,
            out,
            authorized=authorized,
            panel=panel,
            labels=labels,
            transforms=transforms,
            purify=purify,
            adaptive=adaptive,
            distill=distill,
            detect=detect,
            learn_seconds=learn_seconds,
            analyses=analyses,
            lpips=lpips,
            controls=controls,
            seed=seed,
            allow_surrogates=allow_surrogates,
            formats=formats,
            limits=Limits(max_pixels=int(max_megapixels * 1e6)),
            device=device,
            engine=spread.over(device) if spread.engine == "ray" else None,
            found=counter.expect,
            watch=counter.advance_by,
        )
    write_json(json_, result.as_json())
    _show(result, console(json_))
    return 0 if result.ok else 1


def _show(result: Audit, out: Any) -> None:
    for image in result.failed:
        name = image.source or image.output
        out.print(f"not audited: {name}: {image.reason.removeprefix(f'{name}: ')}", soft_wrap=True)
    models = [_row(result.authorized, "your model"), *(_row(m, _role(m)) for m in result.panel)]
    columns = ("model", "", "originals", "protected", "readings kept")
    out.print(table("who reads the pictures right", columns, models))
    attacks = breakers(result)
    if attacks:
        tried = [(b.name, share(b.panel.kept), share(b.authorized.kept)) for b in attacks]
        out.print(table("readings kept under attack", ("", "unseen models", "your model"), tried))
    noise = [
        (name, share(kept), share(result.authorized.controls[name]))
        for name, kept in result.means.controls.items()
    ]
    if noise:
        out.print(table("noise of the same size", ("", "unseen models", "your model"), noise))
    learned = [
        (_lesson(row), WAYS[row.way], row.model, share(row.before), share(row.after))
        for row in result.adaptive
    ]
    if learned:
        heads = ("learned from", "learned what", "model", "kept before", "kept after")
        out.print(table("an attacker who learns", heads, learned))
    if result.detection is not None:
        out.print(told_apart(result.detection), soft_wrap=True)
    for note in result.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(verdict(result), soft_wrap=True)
    out.print(caution(result), soft_wrap=True)
    out.print(
        f"{counted(len(result.audited), 'picture')} audited in {result.seconds:.1f} s → "
        f"{result.out}",
        soft_wrap=True,
    )


def _row(model: ModelFigures, role: str) -> tuple[str, ...]:
    if model.error:
        return model.name, role, "failed", model.error, ""
    return model.name, role, percent(model.clean), percent(model.protected), share(model.kept)


def _lesson(row: AdaptiveFigures) -> str:
    return counted(row.pictures, "picture") + ("" if row.learned else ", too few to learn")


def _role(model: ModelFigures) -> str:
    return "used while protecting" if model.surrogate else "unseen"


command.add_command(compare)
command.add_command(matrix)
command.add_command(hide)
command.add_command(shield)
