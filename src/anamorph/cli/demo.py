"""`anamorph demo`."""

from pathlib import Path

import click

from anamorph.app.demo.demo import PARAMETERS, Demo, demo
from anamorph.auditing.verdict import verdict
from anamorph.cli.options import json_file
from anamorph.cli.render import Bar, check_json, console, table, write_json


@click.command("demo", short_help="See it work, on portraits.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("anamorph-demo"),
    show_default=True,
    help="A new or empty folder for the pictures and the page.",
)
@json_file
def command(out: Path, json_: str | None) -> int:
    """Protect, hide, shield and audit portraits of people who do not exist; show who reads them.

    Needs no network and no downloads. Writes a page that opens in any browser.
    """
    check_json(json_)
    with Bar("protecting portraits", PARAMETERS.steps) as bar:
        made = demo(out, found=bar.expect, watch=bar.watch, done=bar.done)
    write_json(json_, made.as_json())
    _show(made, json_)
    return 0 if made.ok else 1


def _show(made: Demo, json_: str | None) -> None:
    out = console(json_)
    n = len(made.readings[0].before)
    rows = [(r.model, r.role, f"{r.clean:.0%}", f"{r.protected:.0%}") for r in made.readings]
    columns = ("model", "role", "original", "protected")
    out.print(table(f"share of {n} portraits named correctly", columns, rows))
    hidden = made.hidden.summary
    out.print(
        f"{hidden['hidden']} portraits hidden, {hidden['service_kept']:.0%} of them still named by "
        f"{made.hidden.models['service']['name']}; the key gives the files back"
    )
    stolen = [
        (t.stored, t.thief, f"{t.ssim:.2f}", f"{t.named:.0%}", f"{t.found:.0%}")
        for t in made.thefts
    ]
    figures = ("stored", "thief", "SSIM", "still named", "matcher finds")
    out.print(table("what thieves make of stored features", figures, stolen))
    out.print(verdict(made.audit), soft_wrap=True)
    out.print(f"open {made.page}", markup=False)
