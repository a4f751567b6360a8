"""Put the features of a live table behind a shield, while they are searched.

By default the shielded features fill a new column, and one transaction puts it in the place of the
old one: until then every search finds what it always found, afterwards what it finds with shielded
probes. In place, batch by batch, the table is mixed on the way, and each search must ask twice.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from anamorph.app.shield.report import ShieldReport, check_marks
from anamorph.app.shield.stopwatch import Timed
from anamorph.errors import UsageError
from anamorph.templates.postgres import swap as swapping
from anamorph.templates.postgres.alone import alone
from anamorph.templates.postgres.connection import failures
from anamorph.templates.postgres.dependents import indexes_on
from anamorph.templates.postgres.filling import Move, fill, left
from anamorph.templates.postgres.store import PostgresStore, add_marks
from anamorph.templates.postgres.table import NEXT
from anamorph.templates.role import Features, Mark, Shielding, mark

BATCH = 500
"""Rows of one transaction."""

_NAMED = 5
_TRIED = 32


def migrate(
    store: PostgresStore,
    shielding: Shielding,
    *,
    takes: Mark = None,
    in_place: bool = False,
    hold: bool = False,
    erase: bool = False,
    dry_run: bool = False,
    batch: int = BATCH,
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> ShieldReport:
    """Shield every row of a column, or go on where an earlier run stopped, however it stopped.

    A row and its mark are written in one statement, so that each row is at any time either as it
    was or shielded. Rows that are added or changed meanwhile are shielded too.

    Args:
        store: the column, from `open_table`.
        shielding: what to make of the features.
        takes: the mark of the rows to shield; None: plain ones. Others are refused.
        in_place: write over the features, batch by batch, rather than into a new column.
        hold: stop when the new column is ready, before the swap; run again without it to swap.
        erase: rewrite the table at the end, so that its files hold no old features; meanwhile
            nobody can read it.
        dry_run: write nothing, and say what would be done.
        batch: rows of one transaction.
        found: called once with the number of rows to shield.
        watch: called with the number of rows that were written; raise `Cancelled` to stop.

    Raises:
        UsageError: features or a table that cannot be shielded, or another run is at work.
        StoreFailed: the connection was lost, or the database refuses.
    """
    if batch < 1:
        raise UsageError(f"a batch of {batch} rows; give 1 or more")
    if in_place and hold:
        raise UsageError("a run in place has no swap to hold; leave --hold or --in-place out")
    began = time.perf_counter()
    with alone(store):
        store = store.inspected()
        plan = _plan(store, shielding, takes, in_place=in_place)
        shield = Timed(shielding)
        if dry_run:
            shield(_first(store))
            return _timed(plan, shield, began)
        if found is not None:
            found(plan.shielded)
        move = Move(shield, takes, plan.mark, "" if in_place else NEXT)
        filled = partial(_filled, batch=batch, watch=watch or _unwatched)
        if in_place:
            report = _over(store, move, plan, filled)
        else:
            report = _beside(store, move, plan, filled, hold=hold)
        if erase and report.state == "done":
            swapping.erase(store)
            report = replace(report, erased=True)
        return _timed(report, shield, began)


def abandon(store: PostgresStore) -> None:
    """Take a move to a new column back that is not finished: searches never saw it.

    Raises:
        UsageError: there is none, or another run is at work.
        StoreFailed: the database refuses.
    """
    with alone(store):
        store = store.inspected()
        if not store.column.next:
            raise UsageError(f"{store.name}: no move has begun, so there is none to give up")
        swapping.abandon(store)


Filled: TypeAlias = Callable[[PostgresStore, Move], int]
"""Writes all rows that are left, and says how many there were."""


def _beside(
    store: PostgresStore, move: Move, plan: ShieldReport, filled: Filled, *, hold: bool
) -> ShieldReport:
    """Fill a new column and, unless that is held, put it in the place of the old one."""
    if plan.before == plan.rows and not store.column.next:
        return replace(plan, state="done", indexes=())
    swapping.begin(store, move.mark)
    store = store.inspected()
    shielded = filled(store, move)
    indexes = swapping.index(store)
    late = 0 if hold else swapping.swap(store, move, indexes)
    return replace(
        plan,
        state="held" if hold else "done",
        shielded=shielded + late,
        late=late,
        indexes=[index.name for index in indexes],
    )


def _over(store: PostgresStore, move: Move, plan: ShieldReport, filled: Filled) -> ShieldReport:
    """Write over the features."""
    with failures(store.where):
        add_marks(store.connection, store.column)
    return replace(plan, state="done", shielded=filled(store.inspected(), move))


def _filled(store: PostgresStore, move: Move, *, batch: int, watch: Callable[[int], None]) -> int:
    written = 0
    for rows in fill(store, move, batch):
        written += rows
        watch(rows)
    return written


def _plan(
    store: PostgresStore, shielding: Shielding, takes: Mark, *, in_place: bool
) -> ShieldReport:
    """What there is to do, once nothing forbids it."""
    rows, before = check_marks(store, shielding, takes)
    zeros = store.zeros(_NAMED)
    if zeros:
        raise UsageError(
            f"{store.name}: features of nothing but zeros (rows {', '.join(map(str, zeros))}), "
            "which no search finds; set them to NULL or extract them again"
        )
    made = mark(shielding)
    if in_place and store.column.next:
        raise UsageError(
            f"{store.name}: a move to a new column has begun; finish it without --in-place, or "
            "give it up with --abandon"
        )
    if not in_place:
        swapping.check_same_move(store, made)
        swapping.check_swappable(store)
        if store.column.next:
            before = rows - left(store, Move(shielding, takes, made, NEXT))
    with failures(store.where):
        indexes = indexes_on(store.connection, store.column)
    return ShieldReport(
        method=shielding.name,
        mark=made,
        takes=takes,
        source=store.name,
        out=store.name,
        mode="in-place" if in_place else "swap",
        state="planned",
        rows=rows,
        shielded=rows - before,
        before=before,
        empty=store.empty(),
        indexes=[] if in_place else [index.name for index in indexes],
    )


def _first(store: PostgresStore) -> Features:
    """A few features, to see that they can be shielded, and how fast."""
    with closing(store.batches(_TRIED)) as batches:
        return next(batches).features


def _timed(report: ShieldReport, shield: Timed, began: float) -> ShieldReport:
    seconds = time.perf_counter() - began
    return replace(report, matching=shield.kept, shield_ms=shield.milliseconds, seconds=seconds)


def _unwatched(rows: int) -> None:
    """Nobody looks."""
