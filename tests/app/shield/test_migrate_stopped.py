"""A move that is stopped, disturbed or held up leaves whole rows, and goes on."""

from collections.abc import Callable
from contextlib import suppress
from threading import Timer
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anamorph.app.shield.keyed import keyed
from anamorph.app.shield.migrate import abandon, migrate
from anamorph.app.shield.stores import Place, table_store
from anamorph.app.shield.templates import identify
from anamorph.errors import Cancelled, StoreFailed, UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.templates.address import address
from anamorph.templates.postgres.alone import alone
from anamorph.templates.postgres.store import PostgresStore
from anamorph.templates.role import Features, mark

from .conftest import both_ways, check_done, columns, probe

Faces = Any


def stopped_after(batches: int) -> Callable[[int], None]:
    done: list[int] = []

    def watch(rows: int) -> None:
        done.append(rows)
        if len(done) == batches:
            raise Cancelled("enough")

    return watch


@both_ways
def test_a_stopped_run_leaves_whole_rows_and_goes_on(
    faces: Faces, place: Place, key: Key, in_place: bool
) -> None:
    plain = faces.stored()
    for _ in range(3):
        with table_store(place) as store, pytest.raises(Cancelled):
            migrate(store, keyed(key), in_place=in_place, batch=6, watch=stopped_after(1))
    with table_store(place) as store:
        report = migrate(store, keyed(key), in_place=in_place)
    assert (report.before, report.shielded) == (18, 22)
    check_done(faces, key, plain)


def test_a_table_half_migrated_in_place_is_searched_in_both_forms(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    before = [identify(probe(f), store)[0].matches for f in faces.features]
    with pytest.raises(Cancelled):
        migrate(store, keyed(key), in_place=True, batch=15, watch=stopped_after(1))
    store = store.inspected()
    assert store.marks() == {None: 25, mark(keyed(key)): 15}
    for feature, expected in zip(faces.features, before, strict=True):
        matches = identify(probe(feature), store, key)[0].matches
        assert [m.id for m in matches] == [m.id for m in expected]
    with pytest.raises(UsageError, match="give it with --key"):
        identify(probe(faces.features[0]), store)


@both_ways
def test_a_lost_connection_is_said_and_the_next_run_goes_on(
    faces: Faces, place: Place, key: Key, in_place: bool
) -> None:
    plain = faces.stored()
    with table_store(place) as store:
        backend = store.connection.info.backend_pid

        def cut(rows: int) -> None:
            faces.run("SELECT pg_terminate_backend(%s)", backend)

        with pytest.raises(
            StoreFailed, match=r"connection, or it was lost .* run the same command"
        ):
            migrate(store, keyed(key), in_place=in_place, batch=9, watch=cut)
    with table_store(place) as store:
        report = migrate(store, keyed(key), in_place=in_place)
    assert (report.before, report.shielded) == (9, 31)
    check_done(faces, key, plain)


def test_two_at_once_are_refused(
    faces: Faces, place: Place, store: PostgresStore, key: Key
) -> None:
    def second(rows: int) -> None:
        with (
            table_store(place) as other,
            pytest.raises(UsageError, match="another run of `anamorph shield` is at work"),
            alone(other, patience=0.05),
        ):
            pytest.fail("the lock was given twice")
        raise Cancelled("seen")

    with pytest.raises(Cancelled):
        migrate(store, keyed(key), watch=second)
    with table_store(place) as other, alone(other, patience=0.05):
        pass  # given back


def test_a_move_with_one_key_is_not_finished_with_another(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    plain, before = faces.stored(), columns(faces)
    migrate(store, keyed(key), hold=True)
    with pytest.raises(UsageError, match="finish that one, or give it up with --abandon"):
        migrate(store, keyed(keys.new("rotation")))
    with pytest.raises(UsageError, match="finish it without --in-place"):
        migrate(store, keyed(key), in_place=True)
    abandon(store)
    assert columns(faces) == before
    np.testing.assert_equal(faces.stored(), plain)
    assert len(faces.run("SELECT 1 FROM pg_indexes WHERE tablename = '{t}'")) == 2
    with pytest.raises(UsageError, match="no move has begun"):
        abandon(store)
    migrate(store, keyed(key))
    check_done(faces, key, plain)


def test_a_shielding_that_fails_leaves_whole_rows(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    class Failing:
        name, version, digest = "keyed", 1, key.fingerprint

        def __call__(self, features: Features) -> Features:
            shielded = keyed(key)(features)
            shielded[features[:, 0] == faces.features[25, 0]] = np.nan
            return shielded

    plain = faces.stored()
    with pytest.raises(UsageError, match=r"1 row \(26\) hold NaN"):
        migrate(store, Failing(), in_place=True, batch=10)
    stored, shielding = faces.stored(), keyed(key)
    for row, feature in plain.items():
        expected = shielding(feature[None])[0] if row <= 20 else feature
        np.testing.assert_allclose(stored[row], expected, atol=1e-6)
    migrate(store, keyed(key))
    check_done(faces, key, plain)


def test_features_of_zeros_are_refused_before_anything_is_written(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    faces.run("UPDATE {t} SET embedding = array_fill(0, ARRAY[8])::vector WHERE id IN (4, 8)")
    before = columns(faces)
    with pytest.raises(UsageError, match=r"nothing but zeros \(rows 4, 8\)"):
        migrate(store, keyed(key))
    assert columns(faces) == before


def test_a_busy_table_is_not_waited_for_for_ever(
    faces: Faces, place: Place, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anamorph.templates.postgres.swap._TRIES", 2)
    monkeypatch.setattr("anamorph.templates.postgres.swap._PAUSE", 0.01)
    plain = faces.stored()
    with table_store(place) as store:
        migrate(store, keyed(key), hold=True)
        store.connection.execute("SET lock_timeout = 50")
        with faces.connection.transaction():
            faces.run("SELECT count(*) FROM {t}")  # a reader that does not end its transaction
            with pytest.raises(StoreFailed, match="never free for the moment of the swap"):
                migrate(store, keyed(key))
    with table_store(place) as store:
        assert migrate(store, keyed(key)).state == "done"
    check_done(faces, key, plain)


def test_a_row_that_a_program_holds_is_waited_for(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    plain = faces.stored()
    program = psycopg.connect(faces.url)
    program.execute(f"UPDATE {faces.table} SET name = 'new' WHERE id = 3")
    release = Timer(0.3, program.close)  # takes its change back
    store.connection.execute("SET lock_timeout = '20s'")
    release.start()
    report = migrate(store, keyed(key))
    release.join()
    assert report.shielded == 40
    check_done(faces, key, plain)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["update", "clear", "delete", "insert", "wait"]),
                st.integers(1, 12),
            ),
            max_size=4,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_program_does_meanwhile_every_row_ends_shielded(
    faces_of: Callable[..., Faces], runs: list[list[tuple[str, int]]]
) -> None:
    """Each run is stopped after its last batch that the program interfered with."""
    faces, key = faces_of(12), keys.new("rotation")
    place = Place(where=address(faces.url), table=faces.table, column="embedding", id="id")
    plain = faces.stored()
    rng = np.random.default_rng(0)

    def act(what: str, row: int) -> None:
        feature = rng.normal(size=8).astype(np.float32)
        if what == "insert":
            faces.insert(feature)
            plain[max(faces.stored())] = feature
        elif what == "delete":
            faces.run("DELETE FROM {t} WHERE id = %s", row)
            plain.pop(row, None)
        elif what != "wait" and row in plain:
            new = None if what == "clear" else feature
            faces.run("UPDATE {t} SET embedding = %s WHERE id = %s", new, row)
            plain[row] = new

    for actions in runs:
        todo = list(actions)

        def interfere(rows: int, todo: list[tuple[str, int]] = todo) -> None:
            if not todo:
                raise Cancelled("the next run")
            act(*todo.pop())

        with table_store(place) as store, suppress(Cancelled):
            migrate(store, keyed(key), hold=True, batch=3, watch=interfere)
    if all(feature is None for feature in plain.values()):
        return
    with table_store(place) as store:
        migrate(store, keyed(key), batch=3)
    check_done(faces, key, dict(sorted(plain.items())))
