"""Writing shielded features, batch by batch: each batch is one transaction, whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from psycopg import errors, sql

from anamorph.errors import StoreFailed, UsageError
from anamorph.templates.checking import check_rows
from anamorph.templates.postgres.connection import failures
from anamorph.templates.postgres.store import PostgresStore, as_records
from anamorph.templates.postgres.table import NEXT, Column
from anamorph.templates.role import Features, Id, Mark, Records
from anamorph.templates.table import MARK

_TRIES = 5


class Move(NamedTuple):
    """What is to become of a column's features."""

    shield: Callable[[Features], Features]
    """Makes the features of a batch."""
    takes: Mark
    """What rows carry that are to be shielded; None: plain ones."""
    mark: str
    """What they carry then."""
    to: str
    """Ends the name of the column that is written: the next one, or nothing for the same."""


def fill(store: PostgresStore, move: Move, size: int) -> Iterator[int]:
    """Shield what is not shielded yet, in the order of the names, until a pass finds nothing.

    Rows that are changed or added meanwhile are found by the next pass. A row is locked from being
    read to being written, so no change to it is lost.

    Yields:
        How many rows were written, after every batch: they are on the disk.

    Raises:
        UsageError: features that cannot be shielded.
        StoreFailed: the connection was lost, or the database refuses.
    """
    while True:
        last: Id | None = None
        found = 0
        while records := fill_batch(store, move, size, last):
            last, found = records.ids[-1], found + len(records.ids)
            yield len(records.ids)
        if not found:
            return


def fill_batch(store: PostgresStore, move: Move, size: int, after: Id | None) -> Records | None:
    """One batch, in one transaction: what was written, or None if nothing is left.

    Where a program holds a row for long, or waits for one of ours, the batch is taken back and
    tried again.
    """
    with failures(store.where):
        for _ in range(_TRIES - 1):
            with suppress(errors.LockNotAvailable, errors.DeadlockDetected):
                return _fill_batch(store, move, size, after)
        return _fill_batch(store, move, size, after)


def _fill_batch(store: PostgresStore, move: Move, size: int, after: Id | None) -> Records | None:
    c = store.column
    with store.connection.transaction():
        cursor = store.connection.cursor(binary=True)
        parameters = {} if after is None else {"after": after}
        rows = cursor.execute(_query(c, move, size, after), parameters).fetchall()
        if not rows:
            return None
        records = as_records(rows)
        written = list(zip(_shielded(store, move, records), records.ids, strict=True))
        target = sql.SQL("UPDATE {} SET {} = %b, {} = {} WHERE {} = %s").format(
            c.of, c.named(move.to), c.named(move.to + MARK), move.mark, c.ids
        )
        cursor.executemany(target, written)
        if cursor.rowcount != len(rows):
            raise StoreFailed(
                f"{store.name}: {cursor.rowcount} rows were written instead of {len(rows)}, so the "
                "batch was taken back; a trigger or rule of the table interferes"
            )
    return records


def left(store: PostgresStore, move: Move) -> int:
    """How many rows are still to be written."""
    c = store.column
    count = sql.SQL("SELECT count(*) FROM {} WHERE {} IS NOT NULL AND {} IS DISTINCT FROM {}")
    query = count.format(c.of, c.named(), _marks(c, move), move.mark)
    with failures(store.where):
        return int(store.connection.execute(query).fetchall()[0][0])


def _query(c: Column, move: Move, size: int, after: Id | None) -> sql.Composed:
    return sql.SQL(
        "SELECT {id}::text, {feature}, {mark} FROM {table} AS t WHERE {feature} IS NOT NULL "
        "AND {done} IS DISTINCT FROM {target} AND {after} ORDER BY t.{id} LIMIT {size} "
        "FOR NO KEY UPDATE"
    ).format(
        id=c.ids,
        feature=c.named(),
        mark=c.marks,
        table=c.of,
        done=_marks(c, move),
        target=move.mark,
        after=sql.SQL("true")
        if after is None
        else sql.SQL("t.{} > {}").format(c.ids, sql.Placeholder("after")),
        size=size,
    )


def _marks(c: Column, move: Move) -> sql.Composable:
    return c.named(NEXT + MARK) if move.to else c.marks


def _shielded(store: PostgresStore, move: Move, records: Records) -> Features:
    """New features; those that carry the mark already are moved as they are."""
    check_rows(records.ids, records.features, store.name)
    done = np.array([m == move.mark for m in records.marks])
    fresh = np.array([m == move.takes for m in records.marks])
    strange = ~(done | fresh)
    if strange.any():
        other = {m for m in records.marks if m not in (move.mark, move.takes)}
        raise UsageError(
            f"{store.name}: rows appeared that carry {', '.join(m or 'no shield' for m in other)}, "
            "which this run is not for; every writer must use the same key"
        )
    features = records.features.copy()
    if fresh.any():
        shielded = move.shield(records.features[fresh])
        check_rows([i for i, f in zip(records.ids, fresh, strict=True) if f], shielded, store.name)
        features[fresh] = shielded
    return features
