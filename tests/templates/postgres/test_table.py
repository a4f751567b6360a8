from collections.abc import Callable
from typing import Any

import pytest

from anamorph.errors import UsageError
from anamorph.templates.address import address
from anamorph.templates.postgres.store import open_table
from anamorph.templates.postgres.table import Column

Faces = Any


def column(faces: Faces, table: str = "", name: str = "embedding", id_: str = "id") -> Column:
    store = open_table(address(faces.url), table or faces.table, name, id_)
    store.connection.close()
    return store.column


def test_a_column_is_found_with_and_without_its_schema(faces: Faces) -> None:
    found = column(faces)
    assert (found.schema, found.table, found.width) == ("public", faces.table, 8)
    assert (found.marked, found.next, found.not_null) == (False, False, False)
    assert column(faces, f"public.{faces.table}") == found


def test_names_that_need_quotes_are_quoted(faces: Faces) -> None:
    odd = f'Odd "{faces.table}" name'
    quoted = '"' + odd.replace('"', '""') + '"'
    faces.run("CREATE TABLE " + quoted + ' ("the id" int PRIMARY KEY, "E x" vector(3))')
    found = column(faces, odd, "E x", "the id")
    assert (found.table, found.name, found.id) == (odd, "E x", "the id")
    faces.run("DROP TABLE " + quoted)


def test_the_width_of_an_undeclared_column_is_that_of_its_features(
    faces_of: Callable[..., Faces],
) -> None:
    faces = faces_of(5, 8, declared="vector")
    assert column(faces).width == 8
    faces.run("UPDATE {t} SET embedding = '[1,2,3]' WHERE id = 2")
    with pytest.raises(UsageError, match="several widths: 1 of 3, 4 of 8 values"):
        column(faces)
    faces.run("DELETE FROM {t}")
    with pytest.raises(UsageError, match="holds no features"):
        column(faces)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"table": "nowhere"}, "no table 'nowhere' in this database"),
        ({"name": "nothing"}, "no column 'nothing'; there are embedding, id, name"),
        ({"id_": "nothing"}, "no column 'nothing'"),
        ({"name": "name"}, "a column of type text, but features are in pgvector's vector"),
        ({"id_": "name"}, "may be empty or hold a name twice; name the primary key"),
    ],
)
def test_what_is_not_there_or_of_another_type_is_refused(
    faces: Faces, about: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        column(faces, **about)


def test_views_and_partitioned_tables_are_refused(faces: Faces) -> None:
    faces.run("CREATE VIEW {t}_v AS SELECT * FROM {t}")
    faces.run("CREATE TABLE {t}_parts (id int, e vector(2)) PARTITION BY RANGE (id)")
    faces.run("CREATE TABLE {t}_part PARTITION OF {t}_parts FOR VALUES FROM (0) TO (9)")
    faces.run("CREATE TABLE {t}_child () INHERITS ({t})")
    for table in ("_v", "_parts", "_part", ""):
        with pytest.raises(UsageError, match="a view, or a table of several parts"):
            column(faces, f"{faces.table}{table}")
    faces.run("DROP TABLE {t}_parts")


@pytest.mark.parametrize("ending", ["_shield text", "_next vector(8)", "_shield vector(8)"])
def test_columns_of_others_are_never_taken_for_ours(faces: Faces, ending: str) -> None:
    faces.run("ALTER TABLE {t} ADD COLUMN embedding" + ending)
    with pytest.raises(UsageError, match="exists and is not ours; rename it"):
        column(faces)


def test_a_name_without_room_for_ours_is_refused(faces: Faces) -> None:
    long = "e" * 55
    faces.run("ALTER TABLE {t} RENAME COLUMN embedding TO " + long)
    with pytest.raises(UsageError, match="the name is too long"):
        column(faces, name=long)
