"""`anamorph shield`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from anamorph.app.shield.file import BATCH, shield_file
from anamorph.app.shield.report import ShieldReport
from anamorph.app.shield.stores import file_store, table_store
from anamorph.cli.options import json_file
from anamorph.cli.render import Counter, check_json, console, write_json
from anamorph.cli.sharded import Spread, check_sendable, resume_shards, run_sharded, sharded
from anamorph.cli.shield_methods import (
    How,
    check_methods,
    how_to_shield,
    method_options,
    named_shielding,
)
from anamorph.cli.shield_report import show
from anamorph.cli.store import column_option, id_option, place, store_option, table_option
from anamorph.errors import UsageError
from anamorph.templates.address import Address
from anamorph.templates.files import FORMATS

FEW = 16
"""Rows that are shielded at once by methods that take long for each, so that progress shows."""

FOR_TABLES = ("in_place", "hold", "erase", "abandon")
"""Options that mean nothing for a file."""

NOT_SPREAD = ("store", "table", "column", "id_", "batch", "dry_run", *FOR_TABLES)
"""Options that mean nothing for pictures behind URLs and on clusters."""


@click.command("shield", short_help="Shield stored features.")
@click.argument("sources", nargs=-1, metavar="[SRC]...")
@click.option(
    "--out", metavar="PLACE", help="The new file, for SRC; for pictures behind URLs a folder."
)
@store_option("Shield a live table of this database instead of a file.")
@table_option
@column_option
@id_option
@method_options
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help=f"Rows that are shielded at once, in a table in one transaction: {BATCH} for keyed, {FEW} "
    "for the others.",
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
@resume_shards
@sharded
@json_file
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    out: str | None,
    store: Address | Path | None,
    table: str,
    column: str,
    id_: str,
    batch: int | None,
    dry_run: bool,
    in_place: bool,
    hold: bool,
    erase: bool,
    abandon: bool,
    json_: str | None,
    resume: bool,
    spread: Spread,
    **given: Any,
) -> int:
    """Shield the features of a file, of pictures or of a live table; probes of a keyed store alike.

    SRC is a file of features (.npy, .npz, .parquet), or with --recognizer pictures of faces and
    folders of them.

    A table is moved to a new column in batches, each a transaction; searches find what they always
    found until one transaction swaps the columns. A run that was stopped goes on when it is given
    again. What it does not protect against: docs/security/shield.md.
    """
    check_json(json_)
    if sources and ctx.get_parameter_source("store") is ParameterSource.ENVIRONMENT:
        store = None
    wishes = {"in_place": in_place, "hold": hold, "erase": erase, "abandon": abandon}
    if sources and out is not None and spread.wanted(sources, out):
        return _spread(ctx, sources, out, given, spread, resume=resume, json_=json_)
    files, new = [Path(source) for source in sources], None if out is None else Path(out)
    photos = _check_target(files, new, store, [w for w in FOR_TABLES if wishes[w]], spread)
    where = place(next(iter(files), store) or Path(), table, column, id_)
    if abandon:
        with table_store(where) as people:
            _migration().abandon(people)
        console(json_).print(f"given up: {people.name} is as it was", soft_wrap=True)
        return 0
    if photos and given["recognizer"] is None:
        raise UsageError(
            f"{sources[0]}: not a file of features ({', '.join(FORMATS)}); for pictures name the "
            "model that makes their features with --recognizer"
        )
    how = how_to_shield(ctx, given)
    with Counter("shielding") as counter:
        shared: dict[str, Any] = {
            "batch": batch or (BATCH if given["method"] == "keyed" else FEW),
            "dry_run": dry_run,
            "found": counter.expect,
            "watch": counter.advance_by,
        }
        if new is None:
            wishes.pop("abandon")
            with table_store(where) as people:
                report = _migration().migrate(
                    people, how.shielding, takes=how.takes, **wishes, **shared
                )
        elif photos:
            report = _photos(files, new, how, given, shared)
        else:
            source = file_store(where)
            report = shield_file(source, new, how.shielding, takes=how.takes, **shared)
    write_json(json_, report.as_json())
    show(report, out=console(json_))
    return 0 if report.ok else 1


def _spread(
    ctx: click.Context,
    sources: Sequence[str],
    out: str,
    given: dict[str, Any],
    spread: Spread,
    *,
    resume: bool,
    json_: str | None,
) -> int:
    """Shield pictures anywhere, on any engine."""
    from anamorph.app.shards.use_cases import Shields

    _check_spread(ctx)
    check_methods(ctx, given)
    if given["from_key"] is not None:
        raise UsageError("pictures carry no shield yet; leave --from-key out")
    if given["key_"] is not None:
        check_sendable(given["key_"], given["passphrase_file"])
    use_case = Shields(shielding=named_shielding(given))
    device = given["device"]
    return run_sharded(use_case, sources, out, spread, device=device, resume=resume, json_=json_)


def _check_spread(ctx: click.Context) -> None:
    """Refuse what would be left out without a word, and a dry run would write."""
    typed = ctx.get_parameter_source
    strange = [name for name in NOT_SPREAD if typed(name) is ParameterSource.COMMANDLINE]
    if strange:
        raise UsageError(
            f"{_flags(strange)}: not for pictures behind URLs or on a cluster; leave it out, or "
            "give paths and --engine local"
        )


def _photos(
    sources: Sequence[Path], out: Path, how: How, given: dict[str, Any], shared: dict[str, Any]
) -> ShieldReport:
    from anamorph.app.shield.photos import shield_photos
    from anamorph.models import load

    if how.takes is not None:
        raise UsageError("pictures carry no shield yet; leave --from-key out")
    return shield_photos(
        sources,
        out,
        how.shielding,
        load(given["recognizer"], device=given["device"]),
        layer=given["layer"],
        embeddings=how.embeddings,
        **shared,
    )


def _migration() -> Any:
    """Imported when a database is at hand: files need no psycopg."""
    from anamorph.app.shield import migrate

    return migrate


def _check_target(
    sources: Sequence[Path],
    out: Path | None,
    store: Address | Path | None,
    for_tables: Sequence[str],
    spread: Spread,
) -> bool:
    """Refuse places that do not go together; whether the sources are pictures."""
    if bool(sources) == (store is not None):
        raise UsageError("name either a file of features or pictures or, with --store, a database")
    if not sources:
        if out is not None:
            raise UsageError("--out is for files; a table is shielded where it is")
        if spread.engine == "ray":
            raise UsageError("--engine ray is for pictures; a table is shielded where it is")
        return False
    if for_tables:
        raise UsageError(f"{_flags(for_tables)}: for the tables of a database only")
    if out is None:
        raise UsageError(f"{sources[0]}: where to? Name the new file with --out")
    files = [s for s in sources if s.suffix in FORMATS and not s.is_dir()]
    if files and len(sources) > 1:
        raise UsageError(f"{files[0]}: one file of features at a time, and no pictures beside it")
    return not files


def _flags(names: Sequence[str]) -> str:
    return ", ".join("--" + name.strip("_").replace("_", "-") for name in names)
