"""`anamorph audit matrix`."""

from pathlib import Path
from typing import Any

import click

from anamorph.app.audit.matrix.matrix import matrix
from anamorph.auditing.matrix import Matrix, Table
from anamorph.auditing.matrix_words import sentences
from anamorph.auditing.wording import counted, percent, share
from anamorph.cli.options import (
    json_file,
    judging_labels,
    max_megapixels,
    model_device,
    run_seed,
)
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.files.photo import Limits
from anamorph.methods.fmd_parameters import PRESETS


@click.command("matrix", short_help="Each model authorized in turn.")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option(
    "--models",
    required=True,
    multiple=True,
    metavar="MODEL",
    help="A model that is authorized in turn, and reads what was protected for the others: a card, "
    "or timm:NAME, torchvision:NAME, hf:ORG/NAME, portraits:NAME. Repeat it.",
)
@judging_labels
@click.option(
    "--preset",
    "presets",
    type=click.Choice(list(PRESETS)),
    multiple=True,
    default=("fast",),
    show_default=True,
    help="A table for each. Repeat it.",
)
@click.option(
    "--rows",
    multiple=True,
    metavar="NAME",
    help="The name of a model that is authorized in turn; without it all are. Repeat it.",
)
@run_seed
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for files and reports."
)
@model_device
@max_megapixels
@json_file
def command(
    sources: tuple[str, ...],
    models: tuple[str, ...],
    labels: Path | None,
    presets: tuple[str, ...],
    rows: tuple[str, ...],
    seed: int,
    out: Path,
    device: str,
    max_megapixels: float,
    json_: str | None,
) -> int:
    """Protect photos for each model in turn, and let all the others read them.

    Writes matrix.json, report.html and report.md into --out, after every row. The same command
    goes on where it was stopped.
    """
    check_json(json_)
    with Counter("protecting") as counter:
        found = matrix(
            sources,
            models,
            out,
            labels,
            presets,
            rows=rows,
            seed=seed,
            limits=Limits(max_pixels=int(max_megapixels * 1e6)),
            device=device,
            found=counter.expect,
            done=counter.advance,
        )
    write_json(json_, found.as_json())
    _show(found, console(json_))
    return 0 if found.ok else 1


def _show(found: Matrix, out: Any) -> None:
    names = [model.name for model in found.models]
    for one in found.tables:
        columns = ("authorized", *names, "the others, mean")
        out.print(table(f"readings kept, {one.preset}", columns, _rows(one, names)))
    for model in found.models:
        if model.error:
            out.print(f"failed: {model.name}: {model.error}", soft_wrap=True)
    known = {model.name for model in found.models if model.error}
    for one in found.tables:
        for row in one.rows:
            if row.error and row.authorized not in known:
                out.print(f"failed: {one.preset}, {row.authorized}: {row.error}", soft_wrap=True)
            elif row.failed:
                lost = counted(row.failed, "picture")
                out.print(f"failed: {one.preset}, {row.authorized}: {lost}", soft_wrap=True)
    for words in sentences(found):
        out.print(words, soft_wrap=True)
    out.print(
        f"{counted(found.pictures, 'picture')}, {counted(len(names), 'model')} in "
        f"{found.seconds:.1f} s → {found.out}",
        soft_wrap=True,
    )


def _rows(one: Table, names: list[str]) -> list[tuple[str, ...]]:
    rows = [
        (
            row.authorized,
            *("failed" if cell.error else percent(cell.kept) for cell in row.cells),
            share(row.panel),
        )
        for row in one.rows
    ]
    unseen = (percent(one.unseen(name)) for name in names)
    return [*rows, ("mean, not authorized", *unseen, share(one.panel))]
