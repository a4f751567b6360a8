"""One at a time: two migrations of one table never run at once, on whatever machines."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import errors

from anamorph.errors import UsageError
from anamorph.templates.postgres.connection import failures
from anamorph.templates.postgres.store import PostgresStore

_CLASS = 0x616E616D  # "anam": the advisory locks of others have other classes


@contextmanager
def alone(store: PostgresStore, patience: float = 5.0) -> Iterator[None]:
    """Hold the table's advisory lock, which the server takes back when the connection ends.

    Args:
        store: whose table.
        patience: seconds to wait for a run that was killed a moment ago.

    Raises:
        UsageError: another run holds it.
    """
    key = (_CLASS, store.column.oid - 2**32 if store.column.oid >= 2**31 else store.column.oid)
    with failures(store.where):
        try:
            with store.connection.transaction():
                store.connection.execute(f"SET LOCAL lock_timeout = {int(patience * 1000) or 1}")
                store.connection.execute("SELECT pg_advisory_lock(%s::int4, %s::int4)", key)
        except errors.LockNotAvailable:
            raise UsageError(
                f"{store.name}: another run of `anamorph shield` is at work on this table; wait "
                "until it is done"
            ) from None
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a lost connection has given it back already
            store.connection.execute("SELECT pg_advisory_unlock(%s::int4, %s::int4)", key)
