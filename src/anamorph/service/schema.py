"""The tables of the service, made where they are missing."""

from anamorph.service.database import Database

_TABLES = (
    """CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        verb TEXT NOT NULL,
        request TEXT NOT NULL,
        secret {bytes},
        created {real} NOT NULL,
        finished {real},
        cancelled INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE IF NOT EXISTS items (
        id TEXT PRIMARY KEY,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        name TEXT NOT NULL,
        files TEXT NOT NULL,
        size BIGINT NOT NULL,
        state TEXT NOT NULL,
        urgent INTEGER NOT NULL,
        created {real} NOT NULL,
        lane TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        worker TEXT,
        lease {real},
        steps INTEGER NOT NULL DEFAULT 0,
        effort INTEGER NOT NULL DEFAULT 0,
        record TEXT,
        kind TEXT,
        reason TEXT,
        output TEXT,
        media TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS items_by_turn ON items (state, urgent, created, place)",
    "CREATE INDEX IF NOT EXISTS items_by_job ON items (job, place)",
    """CREATE TABLE IF NOT EXISTS tokens (
        id TEXT PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        scopes TEXT NOT NULL,
        note TEXT NOT NULL,
        created {real} NOT NULL,
        expires {real},
        revoked {real}
    )""",
    """CREATE TABLE IF NOT EXISTS workers (
        name TEXT PRIMARY KEY,
        seen {real} NOT NULL,
        models TEXT NOT NULL
    )""",
)

_LOCK = "SELECT pg_advisory_xact_lock(7263591)"
"""Two processes that make the same table at the same moment would fail in PostgreSQL."""


def prepare(database: Database) -> None:
    """Make what is missing.

    Raises:
        StoreFailed: the database refuses.
    """
    with database.transaction() as run:
        if database.skip_locked:
            run(_LOCK)
        for table in _TABLES:
            run(table.format(**database.types))
