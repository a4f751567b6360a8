"""Moving to a new column: searches use the old one, unchanged, until both are swapped at once.

    begin    ADD COLUMN c_next, c_next_shield; a trigger empties them where c is changed
    fill     batches (`filling.py`); then indexes like those of c, built concurrently
    swap     one transaction: the last changed rows, DROP c, RENAME c_next TO c, indexes renamed

Adding empty columns rewrites nothing. Until the swap nobody who does not ask for `c_next` sees any
of it, and whatever ends the run, the next one goes on.
"""

import time

from psycopg import errors, sql

from anamorph.errors import StoreFailed, UsageError
from anamorph.templates.postgres.connection import Connection, failures
from anamorph.templates.postgres.dependents import (
    Index,
    build_next,
    indexes_on,
    others_on,
    trigger_name,
)
from anamorph.templates.postgres.filling import Move, fill_batch, left
from anamorph.templates.postgres.store import PostgresStore
from anamorph.templates.postgres.table import NEXT, OURS, Column
from anamorph.templates.table import MARK

_TRIES = 20
_PAUSE = 0.5
_MOST_LATE = 1000
"""Rows that may be left for the swap itself, which keeps everybody waiting."""


def check_swappable(store: PostgresStore) -> None:
    """Refuse to replace a column that more hangs on than can be built again.

    Raises:
        UsageError: naming what it is.
    """
    with failures(store.where):
        others = others_on(store.connection, store.column)
    if others:
        raise UsageError(
            f"{store.name}: cannot be swapped for a new column, because of {', '.join(others)}; "
            "use --in-place, or remove that first"
        )


def check_same_move(store: PostgresStore, mark: str) -> None:
    """Refuse to go on with a move that began with another shield.

    Raises:
        UsageError: naming it.
    """
    if not store.column.next:
        return
    with failures(store.where):
        begun = _comment(store.connection, store.column, NEXT).removeprefix(OURS)
    if begun != mark:
        raise UsageError(
            f"{store.name}: a move to {begun} has begun, and this one is to {mark}; finish that "
            "one, or give it up with --abandon"
        )


def begin(store: PostgresStore, mark: str) -> None:
    """Add the next column, unless an earlier run did."""
    c = store.column
    if c.next:
        return
    kind = sql.SQL("vector({})").format(c.width)
    with failures(store.where), store.connection.transaction():
        storage = store.connection.execute(
            "SELECT CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' "
            "WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END FROM pg_attribute "
            "WHERE attrelid = %s AND attname = %s",
            (c.oid, c.name),
        ).fetchall()[0][0]
        for statement in (
            sql.SQL("ALTER TABLE {} ADD COLUMN {} {}, ADD COLUMN {} text").format(
                c.of, c.named(NEXT), kind, c.named(NEXT + MARK)
            ),
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET STORAGE {}").format(
                c.of, c.named(NEXT), sql.SQL(storage)
            ),
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(c.of, c.named(NEXT), OURS + mark),
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                c.of, c.named(NEXT + MARK), f"{OURS}which shield the feature carries; empty: none"
            ),
            sql.SQL("CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}").format(
                _function(c), _trigger_body(store.connection, c)
            ),
            sql.SQL(
                "CREATE TRIGGER {} BEFORE UPDATE OF {} ON {} FOR EACH ROW "
                "WHEN (OLD.{} IS DISTINCT FROM NEW.{}) EXECUTE FUNCTION {}()"
            ).format(
                sql.Identifier(trigger_name(c)), c.named(), c.of, c.named(), c.named(), _function(c)
            ),
        ):
            store.connection.execute(statement)


def index(store: PostgresStore) -> tuple[Index, ...]:
    """Build the next column's indexes, and say which."""
    with failures(store.where):
        found = indexes_on(store.connection, store.column)
        for one in found:
            build_next(store.connection, store.column, one)
    return found


def swap(store: PostgresStore, move: Move, indexes: tuple[Index, ...]) -> int:
    """Put the next column in the place of the old one, in one transaction.

    Returns:
        How many rows had been added or changed late, and were written in that transaction.

    Raises:
        StoreFailed: the table is too busy to be locked, or rows come faster than they are written.
    """
    for _ in range(_TRIES):
        try:
            with failures(store.where):
                try:
                    return _swap(store, move, indexes)
                except errors.LockNotAvailable:
                    time.sleep(_PAUSE)  # those who waited behind us go first
        except _TooManyLate:
            while fill_batch(store, move, _MOST_LATE, None):
                pass
    raise StoreFailed(
        f"{store.name}: all is ready, but the table is never free for the moment of the swap; run "
        "the same command again when it is less busy"
    )


def abandon(store: PostgresStore) -> None:
    """Take a move back that was not finished: the column is as it was all the time."""
    with failures(store.where), store.connection.transaction():
        _drop_trigger(store.connection, store.column)
        store.connection.execute(
            sql.SQL("ALTER TABLE {} DROP COLUMN {}, DROP COLUMN {}").format(
                store.column.of, store.column.named(NEXT), store.column.named(NEXT + MARK)
            )
        )


def erase(store: PostgresStore) -> None:
    """Rewrite the table, so that its files hold nothing of the old features; nobody reads it then.

    Backups, replicas and the write-ahead log are beyond it.
    """
    with failures(store.where):
        store.connection.execute("SET lock_timeout = 0")
        store.connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(store.column.of))


class _TooManyLate(Exception):
    """More rows are left than may be written while everybody waits."""


def _swap(store: PostgresStore, move: Move, indexes: tuple[Index, ...]) -> int:
    c, late = store.column, 0
    with store.connection.transaction():
        store.connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(c.of))
        if left(store, move) > _MOST_LATE:
            raise _TooManyLate
        while records := fill_batch(store, move, _MOST_LATE, None):
            late += len(records.ids)
        _drop_trigger(store.connection, c)
        comment = _comment(store.connection, c, "")
        old = [c.named(), c.named(MARK)] if c.marked else [c.named()]
        drops = sql.SQL(", ").join(sql.SQL("DROP COLUMN {}").format(name) for name in old)
        store.connection.execute(sql.SQL("ALTER TABLE {} {}").format(c.of, drops))
        for ending in ("", MARK):
            store.connection.execute(
                sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(
                    c.of, c.named(NEXT + ending), c.named(ending)
                )
            )
        store.connection.execute(
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(c.of, c.named(), comment or None)
        )
        if c.not_null:
            store.connection.execute(
                sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL").format(c.of, c.named())
            )
        for one in indexes:
            store.connection.execute(
                sql.SQL("ALTER INDEX {} RENAME TO {}").format(
                    sql.Identifier(c.schema, one.next), sql.Identifier(one.name)
                )
            )
    return late


def _comment(connection: Connection, c: Column, ending: str) -> str:
    row = connection.execute(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = %s AND attname = %s",
        (c.oid, c.name + ending),
    ).fetchone()
    return (row and row[0]) or ""


def _function(c: Column) -> sql.Identifier:
    return sql.Identifier(c.schema, trigger_name(c))


def _trigger_body(connection: Connection, c: Column) -> str:
    body = sql.SQL("BEGIN NEW.{} := NULL; NEW.{} := NULL; RETURN NEW; END")
    return body.format(c.named(NEXT), c.named(NEXT + MARK)).as_string(connection)


def _drop_trigger(connection: Connection, c: Column) -> None:
    name = sql.Identifier(trigger_name(c))
    connection.execute(sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(name, c.of))
    connection.execute(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(_function(c)))
