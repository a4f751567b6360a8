"""`anamorph train shadow` and `anamorph train attacker`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from anamorph.app.train.shadow import TrainShadowReport, read_decoder, read_records, train_shadow
from anamorph.app.train.shadow_training import ShadowTraining
from anamorph.cli.options import chosen, json_file, method_options, model_device
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.models import load

F = TypeVar("F", bound=Callable[..., Any])

SHADOWS = {"fast": ShadowTraining(), "thorough": ShadowTraining(updates=6000)}
ATTACKERS = {
    "fast": ShadowTraining(kind="unet", width=24, seed=1),
    "thorough": ShadowTraining(kind="unet", width=32, updates=6000, seed=1),
}


def _decoder(presets: dict[str, ShadowTraining]) -> Callable[[F], F]:
    """The arguments and options of both commands."""
    parts = [
        click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=click.Path()),
        click.option(
            "--recognizer",
            required=True,
            metavar="MODEL",
            help="The card or spec of the model whose features are decoded.",
        ),
        click.option(
            "--out",
            required=True,
            type=click.Path(path_type=Path),
            help="The safetensors file, which must not exist; beside it the training is saved.",
        ),
        click.option(
            "--layer", help="Where the recognizer is cut; by default the first tap of its card."
        ),
        click.option(
            "--embeddings", is_flag=True, help="Decode the recognizer's output, not a layer's map."
        ),
        method_options(presets, "fast"),
        click.option("--resume", is_flag=True, help="Go on with a training that was stopped."),
        model_device,
        json_file,
    ]

    def decorate(command: F) -> F:
        for part in reversed(parts):
            command = part(command)
        return command

    return decorate


@click.command("shadow")
@_decoder(SHADOWS)
def shadow(**given: Any) -> None:
    """Train a shadow: a decoder that `shield --method advface` is to mislead.

    SRC are pictures or folders of them, aligned as the recognizer wants its faces, of people who
    are not in the store. Maps take the kinds linear, deconvolution, residual and unet; embeddings
    ridge, mlp and convolutional.
    """
    _run(SHADOWS, None, None, **given)


@click.command("attacker")
@_decoder(ATTACKERS)
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="Protected features of the pictures (.npy, .npz), in the order of their paths: an "
    "attacker who adapts. By default the recognizer's clean ones.",
)
@click.option(
    "--start",
    type=click.Path(path_type=Path),
    help="Learn on from this decoder; its kind stays.",
)
def attacker(records: Path | None, start: Path | None, **given: Any) -> None:
    """Train an attacker: a decoder to audit a store with, which no shadow knows.

    SRC are pictures or folders of them, aligned as the recognizer wants its faces.
    """
    _run(ATTACKERS, records, start, **given)


def _run(
    presets: dict[str, ShadowTraining],
    records: Path | None,
    start: Path | None,
    *,
    sources: tuple[str, ...],
    recognizer: str,
    out: Path,
    layer: str | None,
    embeddings: bool,
    preset: str,
    resume: bool,
    device: str,
    json_: str | None,
    **given: Any,
) -> None:
    check_json(json_)
    parameters = chosen(presets, preset, given)
    with Counter("training") as counter:
        report = train_shadow(
            sources,
            load(recognizer, device=device),
            out,
            parameters=parameters,
            layer=layer,
            embeddings=embeddings,
            records=None if records is None else read_records(records),
            start=None if start is None else read_decoder(start),
            resume=resume,
            found=counter.expect,
            watch=counter.advance,
        )
    write_json(json_, report.as_json())
    _show(report, json_)


def _show(report: TrainShadowReport, json_: str | None) -> None:
    out = console(json_)
    if report.skipped:
        out.print(table("not learned from", ("why",), [(why,) for why in report.skipped]))
    facts = [
        ("kind", report.kind),
        ("decodes", f"{report.layer or 'embeddings'}, {' x '.join(map(str, report.feature))}"),
        ("learned from", f"{report.pictures} pictures"),
        (f"SSIM on {report.tested} others", "-" if report.ssim is None else f"{report.ssim:.3f}"),
        ("took", f"{report.seconds:.0f} s"),
    ]
    out.print(table(f"new decoder {report.file}", ("", ""), facts), soft_wrap=True)
