"""Options that name a store of features; a database's password never stands among them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from anamorph.app.shield.stores import Place
from anamorph.errors import UsageError
from anamorph.templates.address import Address, address, address_in, is_address

F = TypeVar("F", bound=Callable[..., Any])

ENVIRONMENT = "ANAMORPH_STORE"
"""Where a URL may stand, so that the command line shows none."""


def _parsed(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    if text is None:
        return None
    if text.startswith("@"):
        return address_in(Path(text[1:]))
    if not is_address(text):
        return Path(text)
    found = address(text)
    typed = ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    if found.secrets and typed:
        raise UsageError(
            "the store's URL holds a password, which everybody on this machine sees in the list of "
            f"processes; put the URL into a file and give --store @FILE, or into {ENVIRONMENT}"
        )
    return found


def store_option(what: str, *, required: bool = False) -> Callable[[F], F]:
    """`--store`, as an address or a path."""
    return click.option(
        "--store",
        callback=_parsed,
        envvar=ENVIRONMENT,
        required=required,
        metavar="URL",
        help=f"{what} A URL without its password, or @FILE with a file that holds the URL; or the "
        f"variable {ENVIRONMENT}. Passwords may also stand in ~/.pgpass or PGPASSWORD.",
    )


table_option = click.option("--table", default="", metavar="T", help="TABLE or SCHEMA.TABLE.")
column_option = click.option(
    "--column", default="", metavar="C", help="Holds the features; in files `features`."
)
id_option = click.option(
    "--id",
    "id_",
    default="",
    metavar="ID",
    help="Holds the names of the rows: a primary key; in files `ids` or `id`.",
)


def place(store: Address | Path, table: str, column: str, id_: str) -> Place:
    """The place that the options name."""
    return Place(where=store, table=table, column=column, id=id_)
