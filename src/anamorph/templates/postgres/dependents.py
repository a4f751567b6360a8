"""What hangs on a column: indexes that are built again, and what forbids to replace it."""

from typing import NamedTuple
from zlib import crc32

from psycopg import sql

from anamorph.templates.postgres.connection import Connection
from anamorph.templates.postgres.table import NEXT, Column


class Index(NamedTuple):
    """An index on the column alone."""

    oid: int
    name: str
    method: str
    operators: tuple[str, str]
    """Schema and name of the operator class."""
    options: tuple[str, ...]
    """As `m=16`."""
    tablespace: str | None

    @property
    def next(self) -> str:
        """What its successor is called until it takes its place."""
        return f"anamorph_next_{self.oid}"


_INDEXES = """
    SELECT i.indexrelid::int8, c.relname, am.amname, n.nspname, o.opcname,
           coalesce(c.reloptions, '{}'), s.spcname
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am am ON am.oid = c.relam
    JOIN pg_opclass o ON o.oid = i.indclass[0]
    JOIN pg_namespace n ON n.oid = o.opcnamespace
    LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = %s AND a.attname = %s AND i.indnatts = 1
      AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indisunique
    ORDER BY c.relname
"""

_OTHERS = """
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_depend d
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s AND a.attname = %(name)s
      AND NOT (d.classid = 'pg_class'::regclass AND d.objid = ANY(%(indexes)s::oid[]))
      AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE d.classid = 'pg_constraint'::regclass
                      AND k.oid = d.objid AND k.contype = 'n')
      AND NOT EXISTS (SELECT 1 FROM pg_trigger g WHERE d.classid = 'pg_trigger'::regclass
                      AND g.oid = d.objid AND g.tgname = %(trigger)s)
    UNION ALL
    SELECT 'rights granted on the column' FROM pg_attribute
    WHERE attrelid = %(table)s AND attname = %(name)s AND attacl IS NOT NULL
    ORDER BY 1
"""


def indexes_on(connection: Connection, column: Column) -> tuple[Index, ...]:
    """The indexes on this column alone, over all rows: those can be built again."""
    rows = connection.execute(_INDEXES, (column.oid, column.name)).fetchall()
    return tuple(
        Index(oid, name, method, (schema, operators), tuple(options), space)
        for oid, name, method, schema, operators, options, space in rows
    )


def others_on(connection: Connection, column: Column) -> list[str]:
    """Whatever else hangs on the column, in PostgreSQL's words: it would hang on the old one."""
    wanted = {
        "table": column.oid,
        "name": column.name,
        "indexes": [index.oid for index in indexes_on(connection, column)],
        "trigger": trigger_name(column),
    }
    return [row[0] for row in connection.execute(_OTHERS, wanted).fetchall()]


def trigger_name(column: Column) -> str:
    """Our trigger and its function; they are there while a move of this column is under way."""
    return f"anamorph_shield_{column.oid}_{crc32(column.name.encode()):08x}"


def build_next(connection: Connection, column: Column, index: Index) -> None:
    """Build an index like this one on the next column, while everybody reads and writes.

    One that a killed run left half-built is removed first. Must stand outside any transaction.
    """
    state = connection.execute(
        "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = %s AND c.relname = %s",
        (column.oid, index.next),
    ).fetchone()
    if state == (True,):
        return
    if state is not None:
        name = sql.Identifier(column.schema, index.next)
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(name))
    options = [o.partition("=") for o in index.options]
    clauses = [sql.SQL("{} = {}").format(sql.Identifier(k), v) for k, _, v in options]
    connection.execute(
        sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} USING {} ({} {}){}{}").format(
            sql.Identifier(index.next),
            column.of,
            sql.Identifier(index.method),
            column.named(NEXT),
            sql.Identifier(*index.operators),
            sql.SQL(" WITH ({})").format(sql.SQL(", ").join(clauses)) if clauses else sql.SQL(""),
            sql.SQL(" TABLESPACE {}").format(sql.Identifier(index.tablespace))
            if index.tablespace
            else sql.SQL(""),
        )
    )
