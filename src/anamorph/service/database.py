"""One database, by its URL: SQLite or PostgreSQL. Statements are written once, with `?`."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from anamorph.errors import MissingExtra, StoreFailed, UsageError

Row: TypeAlias = dict[str, Any]

Run: TypeAlias = Callable[..., list[Row]]
"""`run(statement, *values)` gives the rows that the statement returns."""

_PATIENCE = 30.0
"""Seconds to wait for another process to end its transaction."""


class Database(Protocol):
    """Where jobs and tokens are; for any number of threads and processes."""

    @property
    def skip_locked(self) -> str:
        """Ends a SELECT of rows that are to be taken while others do the same."""
        ...

    @property
    def locked(self) -> str:
        """Ends a SELECT of rows that nobody else is to change before the transaction ends."""
        ...

    @property
    def types(self) -> dict[str, str]:
        """Names of column types."""
        ...

    def transaction(self, *, write: bool = True) -> AbstractContextManager[Run]:
        """Statements that take effect together, or not at all; or that only read.

        Raises:
            StoreFailed: the database refuses.
        """
        ...

    def close(self) -> None:
        """Close the connections that are not in use."""
        ...


def connect(url: str) -> Database:
    """The database of a URL.

    Raises:
        UsageError: a URL of another kind.
        MissingExtra: psycopg is not installed.
        StoreFailed: the database cannot be reached.
    """
    if url.startswith("sqlite:///"):
        return Sqlite(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgres://")):
        return Postgres(url)
    raise UsageError("the database must be a sqlite:/// or postgresql:// URL")


class _Pool:
    """Connections that wait to be used again; each serves one thread at a time."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._idle: deque[Any] = deque()

    def take(self) -> Any:
        """A connection."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give(self, connection: Any) -> None:
        """It is no longer used."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close those that wait."""
        while self._idle:
            self._idle.pop().close()


class Sqlite:
    """A file."""

    skip_locked = ""  # writers come one after the other anyway
    locked = ""
    types = {"real": "REAL", "bytes": "BLOB"}  # noqa: RUF012 - a constant

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = _Pool(self._connection)

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Run]:
        """See `Database`."""
        try:
            connection = self._pool.take()
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield lambda statement, *values: [
                    dict(row) for row in connection.execute(statement, values).fetchall()
                ]
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._pool.give(connection)
        except sqlite3.Error as error:
            raise StoreFailed(f"{self._path}: {error}; check the disk") from error

    def close(self) -> None:
        """See `Database`."""
        self._pool.close()

    def _connection(self) -> sqlite3.Connection:
        made = sqlite3.connect(
            self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        made.row_factory = sqlite3.Row
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA synchronous = NORMAL")
        return made


class Postgres:
    """A server; a connection that was lost is made again."""

    skip_locked = "FOR UPDATE SKIP LOCKED"
    locked = "FOR UPDATE"
    types = {"real": "DOUBLE PRECISION", "bytes": "BYTEA"}  # noqa: RUF012 - a constant

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra(
                "a PostgreSQL database needs psycopg: pip install 'anamorph[pg]'"
            ) from error
        self._psycopg = psycopg
        self._url = url
        self._pool = _Pool(self._connection)

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Run]:
        """See `Database`."""
        psycopg = self._psycopg
        try:
            connection = self._pool.take()
            try:
                with connection.transaction():
                    yield lambda statement, *values: _rows(
                        connection.execute(statement.replace("?", "%s"), values)
                    )
            finally:
                if not connection.closed:
                    self._pool.give(connection)
        except psycopg.Error as error:
            said = " ".join((error.diag.message_primary or type(error).__name__).split())
            raise StoreFailed(f"the database refuses ({said}); check that it runs") from None

    def close(self) -> None:
        """See `Database`."""
        self._pool.close()

    def _connection(self) -> Any:
        return self._psycopg.connect(
            self._url, autocommit=True, application_name="anamorph serve", connect_timeout=10
        )


def _rows(cursor: Any) -> list[Row]:
    if cursor.description is None:
        return []
    names = [column.name for column in cursor.description]
    rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]
