"""`anamorph audit hide`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.audit.hidden.audit import INVERTED, PAIRS, audit_hide
from anamorph.auditing.hidden.figures import Attempt, ReaderFigures
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.verdict import caution, verdict
from anamorph.auditing.hidden.words import extent, figure, who
from anamorph.auditing.wording import counted, share
from anamorph.cli.options import (
    json_found,
    max_megapixels,
    model_device,
    report_folder,
    report_formats,
)
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.files.photo import Limits


@click.command("hide")
@click.option(
    "--originals", required=True, type=click.Path(path_type=Path), help="What was hidden."
)
@click.option(
    "--hidden", required=True, type=click.Path(path_type=Path), help="The hidden pictures."
)
@click.option(
    "--service",
    required=True,
    metavar="MODEL",
    help="The model that reads them: a card, or timm:NAME, torchvision:NAME, hf:ORG/NAME, "
    "portraits:NAME.",
)
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
    "--judge",
    metavar="MODEL",
    help="A model that took no part, to say whether anyone is recognized.",
)
@click.option(
    "--pairs",
    multiple=True,
    type=click.IntRange(min=2),
    default=PAIRS,
    show_default=True,
    metavar="N",
    help="Originals that attackers know, as far as there are so many. Repeat it.",
)
@click.option(
    "--inverted",
    type=click.IntRange(min=0),
    default=INVERTED,
    show_default=True,
    help="Pictures to draw from the service model's readings.",
)
@report_folder
@click.option("--seed", default=0, show_default=True, help="Of attackers and wrong keys.")
@report_formats
@model_device
@max_megapixels
@json_found
def hide(
    originals: Path,
    hidden: Path,
    service: str,
    key_: Path,
    passphrase_file: Path | None,
    judge: str | None,
    pairs: tuple[int, ...],
    inverted: int,
    out: Path,
    seed: int,
    formats: Any,
    device: str,
    max_megapixels: float,
    json_: str | None,
) -> int:
    """Try to read hidden pictures without the key, and spoil their files.

    Wrong keys, attackers who know some of the originals, and whoever has the service model try;
    files are recompressed, resized, cropped. Writes audit.json and report.html, which opens in any
    browser, into --out.
    """
    check_json(json_)
    key = open_key(key_, passphrase_file)
    with Counter("auditing") as counter:
        result = audit_hide(
            originals=originals,
            hidden=hidden,
            service=service,
            key=key,
            judge=judge,
            pairs=pairs,
            inverted=inverted,
            out=out,
            seed=seed,
            formats=formats,
            limits=Limits(max_pixels=int(max_megapixels * 1e6)),
            device=device,
            found=counter.expect,
            watch=counter.advance_by,
        )
    write_json(json_, result.as_json())
    _show(result, console(json_))
    return 0 if result.ok else 1


def _show(result: HideAudit, out: Any) -> None:
    for image in result.failed:
        name = image.source or image.output
        out.print(f"not audited: {name}: {image.reason.removeprefix(f'{name}: ')}", soft_wrap=True)
    for kind in result.kinds:
        readers = [kind.service] + ([kind.judge] if kind.judge is not None else [])
        columns = ("model", "read as the original", "cosine", "found in the gallery")
        out.print(table(f"{kind.kind}: who reads them", columns, map(_reader, readers)))
        rows = [_attempt(row) for row in (*kind.references, *kind.attackers, *kind.inverted)]
        if rows:
            heads = ("", "SSIM", "identity", "originals picked")
            out.print(table(f"{kind.kind}: attackers", heads, rows))
        spoiled = [
            (row.name, share(row.read), share(row.revealed), share(row.exact))
            for row in kind.spoiled
        ]
        heads = ("change", "read", "revealed", "bit for bit")
        out.print(table(f"{kind.kind}: spoiled files", heads, spoiled))
    for note in result.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(verdict(result), soft_wrap=True)
    out.print(caution(result), soft_wrap=True)
    out.print(
        f"{counted(len(result.audited), 'picture')} audited in {result.seconds:.1f} s → "
        f"{result.out}",
        soft_wrap=True,
    )


def _reader(reader: ReaderFigures) -> tuple[str, ...]:
    if reader.error:
        return reader.name, reader.error, "", ""
    cosine = "-" if reader.cosine is None else f"{figure(reader.cosine)} {extent(reader.cosine)}"
    return reader.name, share(reader.kept), cosine, share(reader.found)


def _attempt(row: Attempt) -> tuple[str, ...]:
    if row.error:
        return who(row), "failed", row.error, ""
    return who(row), figure(row.ssim), figure(row.identity), share(row.picked)
