from typing import Any

import psycopg
import pytest

from anamorph.errors import StoreFailed, UsageError
from anamorph.templates.address import address
from anamorph.templates.postgres.connection import connect, failures

Faces = Any

SECRET = "hunter2-very-secret"


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(StoreFailed, match="no connection, or it was lost") as caught:
        connect(address(f"postgresql://ada:{SECRET}@127.0.0.1:1/faces"))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_a_library_repeats_is_scrubbed() -> None:
    where = address(f"postgresql://ada:{SECRET}@db/faces")
    with pytest.raises(StoreFailed, match=r"refused \(bad \*\*\*\)"), failures(where):
        raise psycopg.ProgrammingError(f"bad {SECRET}")


def test_a_database_without_pgvector_is_refused(faces: Faces) -> None:
    faces.run("DROP DATABASE IF EXISTS bare")
    faces.run("CREATE DATABASE bare")
    with pytest.raises(UsageError, match="has no pgvector; run CREATE EXTENSION vector"):
        connect(address(faces.url.replace("/postgres?", "/bare?")))
    faces.run("DROP DATABASE bare")


def test_who_may_not_is_told(faces: Faces) -> None:
    faces.run("DROP ROLE IF EXISTS guest")
    faces.run("CREATE ROLE guest LOGIN")
    where = address(faces.url.replace("postgres:@", "guest:@"))
    with (
        connect(where) as connection,
        pytest.raises(StoreFailed, match=r"not allowed \(.*owner"),
        failures(where),
    ):
        connection.execute(f"SELECT * FROM {faces.table}")
    faces.run("DROP ROLE guest")
