"""One column of features in one table: what the catalog says of it."""

from dataclasses import dataclass, replace

from psycopg import sql

from anamorph.errors import UsageError
from anamorph.templates.postgres.connection import Connection
from anamorph.templates.table import MARK

NEXT = "_next"
"""Ends the name of the column that is filled while searches still use the old one."""

_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of features, with the column that names its rows."""

    schema: str
    table: str
    oid: int
    name: str
    id: str
    width: int
    not_null: bool
    marked: bool
    """Whether the column of marks is there."""
    next: bool
    """Whether a move to a new column has begun."""

    @property
    def shown(self) -> str:
        """Table and column, for messages."""
        return f"{self.schema}.{self.table}.{self.name}"

    @property
    def of(self) -> sql.Identifier:
        """The table, for statements."""
        return sql.Identifier(self.schema, self.table)

    def named(self, ending: str = "") -> sql.Identifier:
        """This column, or one that belongs to it, for statements."""
        return sql.Identifier(self.name + ending)

    @property
    def ids(self) -> sql.Identifier:
        """The column of names, for statements."""
        return sql.Identifier(self.id)

    @property
    def marks(self) -> sql.Composable:
        """The marks: the column of them, or what stands for it while there is none."""
        return self.named(MARK) if self.marked else sql.SQL("NULL::text")


_TABLES = """
    SELECT c.oid::int8, n.nspname, c.relname,
           c.relkind = 'r' AND NOT c.relispartition AND NOT c.relhassubclass
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %s AND CASE WHEN %s = '' THEN pg_table_is_visible(c.oid)
                                  ELSE n.nspname = %s END
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

_COLUMNS = """
    SELECT attname, format_type(atttypid, NULL), atttypmod, attnotnull,
           col_description(attrelid, attnum)
    FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
"""

_UNIQUE = """
    SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
    WHERE i.indrelid = %s AND a.attname = %s AND i.indisunique AND i.indisvalid
      AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 1
      AND i.indkey[0] = a.attnum AND a.attnotnull
"""


def inspect(connection: Connection, table: str, column: str, id_: str) -> Column:
    """What the catalog says.

    Args:
        connection: to the database.
        table: its name, or `schema.name`; upper and lower case count.
        column: of pgvector's type `vector`.
        id_: the column that names each row, once.

    Raises:
        UsageError: no such table or columns, other types, names that are not unique, or no rows.
    """
    oid, schema, name = _table(connection, table)
    shown = f"{schema}.{name}"
    columns = {row[0]: row[1:] for row in connection.execute(_COLUMNS, (oid,)).fetchall()}
    for wanted in (column, id_):
        if wanted not in columns:
            raise UsageError(
                f"{shown}: no column {wanted!r}; there are {', '.join(sorted(columns))}"
            )
    kind, width, not_null, _ = columns[column]
    if kind.rpartition(".")[2] != "vector":
        raise UsageError(
            f"{shown}.{column}: a column of type {kind}, but features are in pgvector's vector"
        )
    if connection.execute(_UNIQUE, (oid, id_)).fetchone() is None:
        raise UsageError(
            f"{shown}.{id_}: may be empty or hold a name twice; name the primary key with --id"
        )
    if len((column + NEXT + MARK).encode()) > _LONGEST_NAME:
        raise UsageError(f"{shown}.{column}: the name is too long to add {NEXT + MARK}; rename it")
    marked = _is_ours(columns, column + MARK, "text", shown)
    moving = _is_ours(columns, column + NEXT, "vector", shown)
    found = Column(
        schema=schema,
        table=name,
        oid=oid,
        name=column,
        id=id_,
        width=width,
        not_null=not_null,
        marked=marked,
        next=moving,
    )
    return found if width > 0 else replace(found, width=_width(connection, found))


OURS = "anamorph: "
"""Begins the comment on every column that we add, so that no other is ever touched."""


def _is_ours(columns: dict[str, tuple[str, ...]], name: str, kind: str, shown: str) -> bool:
    if name not in columns:
        return False
    found, _, _, comment = columns[name]
    if found.rpartition(".")[2] != kind or not (comment or "").startswith(OURS):
        raise UsageError(f"{shown}.{name}: exists and is not ours; rename it, as we need the name")
    return True


def _table(connection: Connection, table: str) -> tuple[int, str, str]:
    schema, _, name = table.rpartition(".")
    found = connection.execute(_TABLES, (name, schema, schema)).fetchall()
    if len(found) != 1:
        raise UsageError(f"no table {table!r} in this database; name it as SCHEMA.TABLE")
    oid, schema, name, plain = found[0]
    if not plain:
        raise UsageError(
            f"{schema}.{name}: a view, or a table of several parts; name an ordinary table"
        )
    return oid, schema, name


def _width(connection: Connection, column: Column) -> int:
    """The one width in a column that does not declare any."""
    query = sql.SQL(
        "SELECT vector_dims({0}), count(*) FROM {1} WHERE {0} IS NOT NULL GROUP BY 1 ORDER BY 2"
    ).format(column.named(), column.of)
    found = connection.execute(query).fetchall()
    if len(found) > 1:
        told = ", ".join(f"{rows} of {width}" for width, rows in found)
        raise UsageError(
            f"{column.shown}: features of several widths: {told} values; those of another "
            "recognizer belong into another column"
        )
    if not found:
        raise UsageError(f"{column.shown}: holds no features; check --table and --column")
    width: int = found[0][0]
    return width
