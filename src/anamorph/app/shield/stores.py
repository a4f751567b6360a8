"""Open whatever holds features: a file, or a column of a database."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anamorph.errors import MissingExtra, UsageError
from anamorph.templates.address import Address
from anamorph.templates.files import FileStore, open_file
from anamorph.templates.role import Store

if TYPE_CHECKING:
    from anamorph.templates.postgres.store import PostgresStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where features are."""

    where: Address | Path
    table: str = ""
    """Of a database: `TABLE` or `SCHEMA.TABLE`."""
    column: str = ""
    id: str = ""
    """What the names of the rows are called."""


@contextmanager
def opened(place: Place) -> Iterator[Store]:
    """The store in a place, until the block ends.

    Raises:
        UsageError, FileError, StoreFailed, MissingExtra: it cannot be opened.
    """
    if isinstance(place.where, Path):
        yield file_store(place)
    else:
        with table_store(place) as store:
            yield store


def file_store(place: Place) -> FileStore:
    """The store in a file.

    Raises:
        UsageError, FileError, MissingExtra: it cannot be opened.
    """
    if isinstance(place.where, Address):
        raise UsageError(f"{place.where.shown}: a database, but a file of features is needed")
    return open_file(place.where, place.column, place.id)


@contextmanager
def table_store(place: Place) -> Iterator["PostgresStore"]:
    """The store in a database, until the block ends.

    Raises:
        UsageError: a file, or no such table or columns.
        StoreFailed: the server cannot be reached, or refuses.
        MissingExtra: psycopg or pgvector is not installed.
    """
    if isinstance(place.where, Path):
        raise UsageError(f"{place.where}: a file, but the URL of a database is needed")
    if not (place.table and place.column and place.id):
        raise UsageError(
            f"{place.where.shown}: which features? Name them with --table, --column and --id"
        )
    try:
        from anamorph.templates.postgres.store import open_table
    except ImportError as error:
        raise MissingExtra(
            f"PostgreSQL needs the libraries psycopg and pgvector ({error}); run "
            "`pip install 'anamorph[pg]'`"
        ) from error
    store = open_table(place.where, place.table, place.column, place.id)
    with closing(store.connection):
        yield store
