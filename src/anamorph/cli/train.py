"""`anamorph train key`; the other networks are in `train_decoder` and `train_tail`."""

from dataclasses import replace
from pathlib import Path

import click

from anamorph.app.train.key import TrainKeyReport, train_key
from anamorph.app.train.key_training import KeyTraining
from anamorph.cli.options import json_file, model_device
from anamorph.cli.passphrase import new_passphrase
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.cli.train_decoder import attacker, shadow
from anamorph.cli.train_tail import tail


@click.group("train", short_help="Train networks.")
def command() -> None:
    """Train networks that belong to their owner, and those a store is audited with."""


command.add_command(shadow)
command.add_command(attacker)
command.add_command(tail)


@command.command("key")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The key file, which must not exist; beside it the training is saved until it is done.",
)
@click.option(
    "--pictures",
    multiple=True,
    type=click.Path(),
    help="Learn from this picture or folder; repeat for more. By default, from portraits of people "
    "who do not exist.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=KeyTraining().updates,
    show_default=True,
    help="Updates of the network's weights.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Locks the key file with the passphrase in this file.",
)
@click.option("--resume", is_flag=True, help="Go on with a training that was stopped.")
@model_device
@json_file
def key(
    out: Path,
    pictures: tuple[str, ...],
    steps: int,
    passphrase_file: Path | None,
    resume: bool,
    device: str,
    json_: str | None,
) -> None:
    """Train a network that reveals what is hidden behind it, and write it as a key file.

    This is the published way to hide, which is known to be weak: use a sealed key (`anamorph key
    new`) for anything that matters. There is no seed to give: it would be as secret as the key.

    Whoever loses the key loses every picture hidden with it: nobody can recover it. Keep a copy.
    """
    check_json(json_)
    passphrase = None if passphrase_file is None else new_passphrase(passphrase_file)
    with Counter("training") as counter:
        report = train_key(
            out,
            sources=pictures,
            parameters=replace(KeyTraining(), updates=steps),
            passphrase=passphrase,
            resume=resume,
            device=device,
            found=counter.expect,
            watch=counter.advance,
        )
    write_json(json_, report.as_json())
    _show(report, json_)


def _show(report: TrainKeyReport, json_: str | None) -> None:
    out = console(json_)
    if report.skipped:
        out.print(table("not learned from", ("why",), [(why,) for why in report.skipped]))
    facts = [
        ("kind", "network"),
        ("fingerprint", report.fingerprint),
        ("locked", "with a passphrase" if report.locked else "no"),
        ("learned from", f"{report.pictures} pictures"),
        ("gives them back at", f"{report.psnr:.1f} dB"),
        ("took", f"{report.seconds:.0f} s"),
    ]
    out.print(table(f"new key {report.file}", ("", ""), facts), soft_wrap=True)
    out.print(
        "Lose this file"
        + (" or its passphrase" if report.locked else "")
        + ", and every picture hidden with it is lost: nobody can recover them. Keep a copy.",
        soft_wrap=True,
    )
