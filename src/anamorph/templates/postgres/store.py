"""A column of features as a store: read, searched, added to."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from psycopg import errors, sql

from anamorph.errors import UsageError
from anamorph.templates.address import Address
from anamorph.templates.checking import check_rows, check_shape
from anamorph.templates.files import check_marks
from anamorph.templates.postgres.connection import Connection, connect, failures
from anamorph.templates.postgres.table import OURS, Column, inspect
from anamorph.templates.role import Features, Id, Mark, Match, Probes, Records
from anamorph.templates.table import MARK

_LEAST_SEARCH, _MOST_SEARCH = 40, 1000
"""Bounds of what an HNSW index looks at: pgvector's own choice, and the most it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStore:
    """The features of one column, in the role of a store; made by `open_table`."""

    where: Address
    connection: Connection = field(repr=False)
    column: Column

    @property
    def name(self) -> str:
        """Server, table and column; no password."""
        return f"{self.where.shown} {self.column.shown}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one feature."""
        return (self.column.width,)

    def inspected(self) -> "PostgresStore":
        """The same store, with what the catalog says now."""
        with failures(self.where):
            column = inspect(
                self.connection,
                f"{self.column.schema}.{self.column.table}",
                self.column.name,
                self.column.id,
            )
        return PostgresStore(where=self.where, connection=self.connection, column=column)

    def marks(self) -> Mapping[Mark, int]:
        """How many rows carry each mark; those without a feature are not counted."""
        c = self.column
        query = sql.SQL("SELECT {}, count(*) FROM {} WHERE {} IS NOT NULL GROUP BY 1")
        with failures(self.where):
            rows = self.connection.execute(query.format(c.marks, c.of, c.named())).fetchall()
        return dict(rows)

    def empty(self) -> int:
        """How many rows have no feature."""
        c = self.column
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} IS NULL").format(c.of, c.named())
        with failures(self.where):
            return int(self.connection.execute(query).fetchall()[0][0])

    def zeros(self, most: int) -> list[Id]:
        """Names of some rows that no cosine can be taken of; pgvector itself refuses NaN."""
        c = self.column
        query = sql.SQL("SELECT {}::text FROM {} WHERE vector_norm({}) = 0 LIMIT {}")
        with failures(self.where):
            rows = self.connection.execute(query.format(c.ids, c.of, c.named(), most)).fetchall()
        return [row[0] for row in rows]

    def batches(self, size: int) -> Generator[Records, None, None]:
        """All rows that have a feature, in the order of their names."""
        c = self.column
        all_rows = "SELECT {}::text, {}, {} FROM {} AS t WHERE {} IS NOT NULL ORDER BY t.{}"
        query = sql.SQL(all_rows).format(c.ids, c.named(), c.marks, c.of, c.named(), c.ids)
        with (
            failures(self.where),
            self.connection.transaction(),
            self.connection.cursor("anamorph_rows", binary=True) as cursor,
        ):
            cursor.execute(query)
            while fetched := cursor.fetchmany(size):
                records = as_records(fetched)
                check_rows(records.ids, records.features, self.name)
                yield records

    def nearest(self, probes: Probes, count: int) -> list[Match]:
        """The rows with the largest cosines, found with the column's index if it has one."""
        marks = self.marks()
        check_marks(marks, probes, self.name)
        found: list[Match] = []
        for mark in marks:
            check_shape(probes[mark].shape[1:], self.shape, self.name)
            found += self._nearest(probes[mark][0], count, mark if len(marks) > 1 else Ellipsis)
        return sorted(found, key=lambda match: -match.cosine)[:count]

    def _nearest(self, probe: Features, count: int, mark: Any) -> list[Match]:
        """Among the rows of one mark; `...` stands for all rows."""
        c = self.column
        only: sql.Composable = sql.SQL("true")
        if mark is not Ellipsis:
            only = sql.SQL("{} IS NOT DISTINCT FROM {}").format(c.marks, mark)
        query = sql.SQL(
            "SELECT {}::text, 1 - ({} <=> %(probe)b) FROM {} WHERE {} IS NOT NULL AND {} "
            "ORDER BY {} <=> %(probe)b LIMIT {}"
        ).format(c.ids, c.named(), c.of, c.named(), only, c.named(), count)
        settings = {"hnsw.ef_search": str(min(max(count, _LEAST_SEARCH), _MOST_SEARCH))}
        if mark is not Ellipsis:  # else the index gives its nearest, and the filter keeps too few
            settings["hnsw.iterative_scan"] = "strict_order"
        with failures(self.where), self.connection.transaction():
            self.connection.execute("SELECT '[0]'::vector")  # loads pgvector and its settings
            for name, value in settings.items():
                self.connection.execute(
                    "SELECT set_config(name, %s, true) FROM pg_settings WHERE name = %s",
                    (value, name),
                )
            rows = self.connection.execute(query, {"probe": probe}).fetchall()
        return [Match(*row) for row in rows]

    def find(self, ids: Sequence[Id]) -> Records:
        """The rows of these names."""
        c = self.column
        query = sql.SQL("SELECT {}::text, {}, {} FROM {} WHERE {} = %s AND {} IS NOT NULL").format(
            c.ids, c.named(), c.marks, c.of, c.ids, c.named()
        )
        rows = []
        for name in ids:
            with self._naming(name):
                row = self.connection.execute(query, (str(name),), binary=True).fetchone()
            if row is None:
                raise UsageError(f"{self.name}: nobody with a feature is called {name}")
            rows.append(row)
        return as_records(rows)

    def add(self, records: Records) -> None:
        """Insert rows in one transaction; other columns get their defaults."""
        check_shape(records.features.shape[1:], self.shape, self.name)
        check_rows(records.ids, records.features, self.name)
        c = self.column
        query = sql.SQL("INSERT INTO {} ({}, {}, {}) VALUES (%s, %b, %s)").format(
            c.of, c.ids, c.named(), c.named(MARK)
        )
        rows = list(zip(map(str, records.ids), records.features, records.marks, strict=True))
        with self._naming(records.ids[0]), self.connection.transaction():
            add_marks(self.connection, c)
            with self.connection.cursor() as cursor:
                cursor.executemany(query, rows)

    @contextmanager
    def _naming(self, name: Id) -> Iterator[None]:
        """Say which rows the database does not like."""
        with failures(self.where):
            try:
                yield
            except errors.UniqueViolation as error:
                said = error.diag.message_detail or "a name is there already"
                raise UsageError(f"{self.name}: {said} Nothing was added") from None
            except errors.NotNullViolation as error:
                raise UsageError(
                    f"{self.name}: the column {error.diag.column_name} must be filled too, which "
                    "only your program can do; let it insert the row"
                ) from None
            except (errors.InvalidTextRepresentation, errors.NumericValueOutOfRange):
                raise UsageError(
                    f"{self.name}: {name!r} does not fit the type of {self.column.id}"
                ) from None


def open_table(where: Address, table: str, column: str, id_: str) -> PostgresStore:
    """The store in one column of a table; close its `connection` when done.

    Raises:
        StoreFailed: the server cannot be reached, or refuses.
        UsageError: no such table or columns, or other types.
    """
    connection = connect(where)
    try:
        with failures(where):
            found = inspect(connection, table, column, id_)
    except BaseException:
        connection.close()
        raise
    return PostgresStore(where=where, connection=connection, column=found)


def add_marks(connection: Connection, column: Column) -> None:
    """Give the table its column of marks, unless it is there: nothing is rewritten for it."""
    if column.marked:
        return
    mark = column.named(MARK)
    connection.execute(sql.SQL("ALTER TABLE {} ADD COLUMN {} text").format(column.of, mark))
    connection.execute(
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
            column.of, mark, f"{OURS}which shield the feature carries; empty: none"
        )
    )


def as_records(rows: Sequence[tuple[Any, ...]]) -> Records:
    """Rows of name, feature, mark."""
    ids, features, marks = zip(*rows, strict=True)
    return Records(ids, np.stack([f.to_numpy() for f in features]).astype(np.float32), marks)
