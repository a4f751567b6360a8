"""Reaching a database, and saying clearly what it refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from pgvector.psycopg import register_vector
from psycopg import errors

from anamorph.errors import StoreFailed, UsageError
from anamorph.templates.address import Address

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_NAME = "anamorph"
_PATIENCE = 10
"""Seconds that a server has to answer."""

_SESSION = """
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET lock_timeout = '5s'
"""


def connect(where: Address) -> Connection:
    """A connection on which every statement stands alone unless a transaction is begun.

    Raises:
        StoreFailed: the server cannot be reached, or refuses.
        UsageError: the database has no pgvector.
    """
    with failures(where):
        connection = psycopg.connect(
            where.url,
            autocommit=True,
            application_name=_NAME,
            connect_timeout=_PATIENCE,
            client_encoding="utf8",
        )
    try:
        with failures(where):
            connection.execute(_SESSION)
            found = connection.execute("SELECT 1 FROM pg_type WHERE typname = 'vector'").fetchone()
            if found is None:
                raise UsageError(
                    f"{where.shown}: this database has no pgvector; run CREATE EXTENSION vector"
                )
            register_vector(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def failures(where: Address) -> Iterator[None]:
    """Turn the errors of the database into ours, in one line and without its password.

    Raises:
        StoreFailed: instead of any error of psycopg, which is no cause: it may tell the URL.
    """
    try:
        yield
    except psycopg.Error as error:
        message = f"{where.shown}: {_told(error)}"
        raise StoreFailed(where.scrub(message)) from None


def _told(error: psycopg.Error) -> str:
    said = " ".join((error.diag.message_primary or str(error)).split()) or type(error).__name__
    match error:
        case errors.InsufficientPrivilege():
            return f"not allowed ({said}); connect as the table's owner"
        case errors.LockNotAvailable():
            return f"somebody else holds a lock ({said}); try again when the table is less busy"
        case errors.QueryCanceled():
            return f"the server stopped the statement ({said}); run the same command again"
        case psycopg.OperationalError() if error.sqlstate is None or error.sqlstate[:2] in (
            "08",
            "57",
        ):
            return (
                f"no connection, or it was lost ({said}); what was committed is kept, nothing is "
                "half-done: run the same command again"
            )
        case _:
            return f"refused ({said})"
