"""`anamorph shield`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from anamorph.app.shield.file import BATCH, shield_file
from anamorph.app.shield.keyed import keyed, rekeyed
from anamorph.app.shield.report import ShieldReport
from anamorph.app.shield.stores import file_store, table_store
from anamorph.cli.options import json_file
from anamorph.cli.passphrase import open_key, passphrase_option
from anamorph.cli.render import Counter, check_json, console, table, write_json
from anamorph.cli.store import column_option, id_option, place, store_option, table_option
from anamorph.errors import UsageError
from anamorph.keys.key import Key
from anamorph.templates.address import Address
from anamorph.templates.role import Mark, Shielding, mark

METHODS = ("keyed", "advface", "decoy")

FOR_TABLES = ("in_place", "hold", "erase", "abandon")
"""Options that mean nothing for a file."""


@click.command("shield", short_help="Shield stored features.")
@click.argument("features", required=False, metavar="[FEATURES]", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The new file, for FEATURES.")
@store_option("Shield a live table of this database instead of a file.")
@table_option
@column_option
@id_option
@click.option("--method", type=click.Choice(METHODS), help="How to shield.")
@click.option(
    "--key",
    "key_",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="For keyed: the key. Make one with `anamorph key new --kind rotation`.",
)
@passphrase_option
@click.option(
    "--from-key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="For keyed: the key the rows are rotated with now; plain features are never formed.",
)
@click.option(
    "--from-passphrase-file",
    type=click.Path(path_type=Path),
    help="Holds the passphrase of --from-key.",
)
@click.option(
    "--shadow",
    "shadows",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="For advface: a decoder to mislead, from `anamorph train shadow`; repeat for more.",
)
@click.option(
    "--recognizer",
    metavar="MODEL",
    help="For decoy: the model whose feature maps are stored, a card or a spec.",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="For decoy: where the maps are taken; else the card's first tap.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=BATCH,
    show_default=True,
    help="Rows of one transaction.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; check, count, and say what is to do.")
@click.option(
    "--in-place",
    is_flag=True,
    help="Write over the column, batch by batch. Until it is done each search must ask twice.",
)
@click.option(
    "--hold",
    is_flag=True,
    help="Stop when the new column is filled and indexed; the same command without --hold swaps.",
)
@click.option(
    "--erase",
    is_flag=True,
    help="At the end rewrite the table, so that its files hold no plain features; nobody can read "
    "it meanwhile.",
)
@click.option("--abandon", is_flag=True, help="Give up a move that is not finished.")
@json_file
@click.pass_context
def command(
    ctx: click.Context,
    /,
    features: Path | None,
    out: Path | None,
    store: Address | Path | None,
    table: str,
    column: str,
    id_: str,
    method: str | None,
    key_: Path | None,
    passphrase_file: Path | None,
    from_key: Path | None,
    from_passphrase_file: Path | None,
    shadows: tuple[Path, ...],
    recognizer: str | None,
    layer: str | None,
    json_: str | None,
    **choices: Any,
) -> None:
    """Shield the features of a file or of a live table; probes of a keyed store alike.

    A table is moved to a new column in batches, each a transaction; searches find what they always
    found until one transaction swaps the columns. A run that was stopped goes on when it is given
    again. What it does not protect against: docs/security/shield.md.
    """
    check_json(json_)
    if features is not None and ctx.get_parameter_source("store") is ParameterSource.ENVIRONMENT:
        store = None
    _check_target(features, out, store, [name for name in FOR_TABLES if choices[name]])
    where = place(features or store or Path(), table, column, id_)
    if choices.pop("abandon"):
        with table_store(where) as people:
            _migration().abandon(people)
        console(json_).print(f"given up: {people.name} is as it was", soft_wrap=True)
        return
    takes: Mark = None
    if method == "keyed":
        new, old = _Key(key_, passphrase_file), _Key(from_key, from_passphrase_file)
        shielding, takes = _rotation(new, old)
    elif method == "advface":
        shielding = _advface(shadows)
    elif method == "decoy":
        shielding = _decoy(recognizer, layer)
    else:
        raise UsageError(f"how to shield? Name it with --method: {', '.join(METHODS)}")
    with Counter("shielding") as counter:
        watched: dict[str, Any] = {"found": counter.expect, "watch": counter.advance_by}
        if out is not None:
            watched |= {"batch": choices["batch"], "dry_run": choices["dry_run"]}
            report = shield_file(file_store(where), out, shielding, takes=takes, **watched)
        else:
            with table_store(where) as people:
                report = _migration().migrate(people, shielding, takes=takes, **choices, **watched)
    write_json(json_, report.as_json())
    _show(report, out=console(json_))


class _Key(NamedTuple):
    """A key file with what opens it."""

    path: Path | None
    passphrase_file: Path | None

    def opened(self) -> Key | None:
        return None if self.path is None else open_key(self.path, self.passphrase_file)


def _rotation(key: _Key, old: _Key) -> tuple[Shielding, Mark]:
    """The shielding of a key, and the mark of the rows that it is for."""
    new, before = key.opened(), old.opened()
    if new is None:
        raise UsageError(
            "--method keyed rotates by a key; give it with --key, or make one with `anamorph key "
            "new --kind rotation`"
        )
    return (keyed(new), None) if before is None else (rekeyed(before, new), mark(keyed(before)))


def _advface(shadows: tuple[Path, ...]) -> Shielding:
    from anamorph.app.shield.shielding import adversarial
    from anamorph.app.train.shadow import read_decoder

    return adversarial([read_decoder(path) for path in shadows])


def _decoy(recognizer: str | None, layer: str | None) -> Shielding:
    if recognizer is None:
        raise UsageError("--method decoy needs the model whose maps are stored: --recognizer MODEL")
    from anamorph.app.shield.shielding import disguising
    from anamorph.models import load

    return disguising(load(recognizer), layer=layer)


def _migration() -> Any:
    """Imported when a database is at hand: files need no psycopg."""
    from anamorph.app.shield import migrate

    return migrate


def _check_target(
    features: Path | None, out: Path | None, store: Address | Path | None, for_tables: list[str]
) -> None:
    if (features is None) == (store is None):
        raise UsageError("name either a file of FEATURES or, with --store, a database")
    if features is not None and for_tables:
        flags = ", ".join("--" + name.replace("_", "-") for name in for_tables)
        raise UsageError(f"{flags}: for the tables of a database only")
    if features is not None and out is None:
        raise UsageError(f"{features}: where to? Name the new file with --out")
    if store is not None and out is not None:
        raise UsageError("--out is for files; a table is shielded where it is")


def _show(report: ShieldReport, out: Any) -> None:
    facts = [
        ("shield", report.mark),
        ("rows", str(report.rows)),
        ("shielded", str(report.shielded)),
        ("before", str(report.before)),
        ("without a feature", str(report.empty)),
        ("indexes built again", ", ".join(report.indexes) or "none"),
        ("a record takes", "-" if report.shield_ms is None else f"{report.shield_ms:.3f} ms"),
        ("took", f"{report.seconds:.1f} s"),
    ]
    title = {"done": "shielded", "held": "ready to be swapped", "planned": "would be shielded"}
    out.print(table(f"{title[report.state]}: {report.out}", ("", ""), facts), soft_wrap=True)
    for line in _advice(report):
        out.print(line, soft_wrap=True)


def _advice(report: ShieldReport) -> Iterator[str]:
    if report.state == "planned":
        return
    if report.method == "keyed":
        yield (
            "From now on every probe must go through the same key; whoever has the key and the "
            "table has plain features. Lose the key, and the table is worthless: keep a copy, not "
            "beside the table."
        )
    if report.state == "held":
        yield (
            "Nothing has changed for searches yet: let yours use the column that ends in _next, or "
            "give the same command without --hold to swap the columns."
        )
    elif report.mode != "file" and not report.erased:
        yield (
            "Backups, the write-ahead log and dead rows in the table's files still hold the old "
            "features; --erase rewrites the files."
        )
