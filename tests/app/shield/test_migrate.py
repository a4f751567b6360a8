"""A live table is moved behind a shield: nothing lost, doubled or half-done, search exact."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Timer
from typing import Any

import numpy as np
import psycopg
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.keyed import keyed, rekeyed
from anamorph.app.shield.migrate import abandon, migrate
from anamorph.app.shield.stores import Place, table_store
from anamorph.app.shield.templates import identify
from anamorph.errors import Cancelled, StoreFailed, UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.advface import AdvFace
from anamorph.models.networks.decoder_bodies import Design
from anamorph.models.networks.decoders import fresh, moments
from anamorph.templates.address import address
from anamorph.templates.postgres.alone import alone
from anamorph.templates.postgres.store import PostgresStore
from anamorph.templates.role import Features, Records, mark

Faces = Any

both_ways = pytest.mark.parametrize("in_place", [False, True], ids=["swap", "in place"])


@pytest.fixture
def key() -> Key:
    return keys.new("rotation")


@pytest.fixture
def place(faces: Faces) -> Place:
    return Place(where=address(faces.url), table=faces.table, column="embedding", id="id")


@pytest.fixture
def store(place: Place) -> Iterator[PostgresStore]:
    with table_store(place) as store:
        yield store


def probe(feature: Features) -> Records:
    return Records(["probe"], feature[None], [None])


def columns(faces: Faces) -> list[str]:
    rows = faces.run(
        "SELECT attname FROM pg_attribute WHERE attrelid = '{t}'::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY 1"
    )
    return [row[0] for row in rows]


def check_done(faces: Faces, key: Key, plain: dict[int, Any]) -> None:
    """Every row is there once, shielded, marked, and under its own name."""
    stored = faces.stored()
    assert stored.keys() == plain.keys()
    shielding = keyed(key)
    for row, feature in plain.items():
        if feature is None:
            assert stored[row] is None
        else:
            np.testing.assert_allclose(stored[row], shielding(feature[None])[0], atol=1e-6)
    marks = dict(faces.run("SELECT id, embedding_shield FROM {t} WHERE embedding IS NOT NULL"))
    assert set(marks.values()) <= {mark(shielding)}
    assert columns(faces) == ["embedding", "embedding_shield", "id", "name"]
    names = dict(faces.run("SELECT id, name FROM {t}"))
    assert all(name in (f"person {row}", "new") for row, name in names.items())
    assert not faces.run("SELECT 1 FROM pg_trigger WHERE tgrelid = '{t}'::regclass")
    assert not faces.run(
        "SELECT 1 FROM pg_proc WHERE proname ^@ ('anamorph_shield_' || '{t}'::regclass::oid)"
    )


@both_ways
def test_every_row_is_shielded_and_found_as_before(
    faces: Faces, store: PostgresStore, key: Key, in_place: bool
) -> None:
    plain = faces.stored()
    before = identify(probe(faces.features[7]), store)[0].matches
    seen: list[int] = []
    report = migrate(
        store, keyed(key), in_place=in_place, batch=7, found=seen.append, watch=seen.append
    )
    assert (report.state, report.rows, report.shielded, report.before) == ("done", 40, 40, 0)
    assert seen == [40, 7, 7, 7, 7, 7, 5]
    assert report.shield_ms is not None
    check_done(faces, key, plain)
    after = identify(probe(faces.features[7]), store.inspected(), key)[0].matches
    assert [m.id for m in after] == [m.id for m in before]
    np.testing.assert_allclose([m.cosine for m in after], [m.cosine for m in before], atol=1e-6)


def test_a_new_column_takes_over_all_that_the_old_one_had(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    faces.run("ALTER TABLE {t} ALTER embedding SET NOT NULL, ALTER embedding SET STORAGE PLAIN")
    faces.run("COMMENT ON COLUMN {t}.embedding IS 'from recognizer 7'")
    about = (
        "SELECT format_type(atttypid, atttypmod), attnotnull, attstorage, "
        "col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = '{t}'::regclass AND attname = 'embedding'"
    )
    indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = '{t}' ORDER BY 1"
    before, indexed = faces.run(about), faces.run(indexes)
    assert len(indexed) == 2
    report = migrate(store, keyed(key))
    assert report.indexes == [f"{faces.table}_hnsw"]
    assert faces.run(about) == before
    assert faces.run(indexes) == indexed
    faces.run("SET enable_seqscan = off")
    plan = faces.run(
        "EXPLAIN SELECT id FROM {t} ORDER BY embedding <=> '[1,2,3,4,5,6,7,8]' LIMIT 3"
    )
    faces.run("RESET enable_seqscan")
    assert any("hnsw" in line for (line,) in plan)


@both_ways
def test_a_finished_migration_has_nothing_left_to_do(
    faces: Faces, store: PostgresStore, key: Key, in_place: bool
) -> None:
    plain = faces.stored()
    migrate(store, keyed(key))
    versions = faces.run("SELECT ctid, xmin FROM {t}")
    report = migrate(store, keyed(key), in_place=in_place)
    assert (report.state, report.shielded, report.before) == ("done", 0, 40)
    assert faces.run("SELECT ctid, xmin FROM {t}") == versions
    check_done(faces, key, plain)


@both_ways
def test_a_dry_run_writes_nothing_and_says_what_would_be_done(
    faces: Faces, store: PostgresStore, key: Key, in_place: bool
) -> None:
    faces.run("INSERT INTO {t} (name) VALUES ('nobody')")
    before = (columns(faces), faces.run("SELECT ctid, xmin, * FROM {t}"))
    report = migrate(store, keyed(key), in_place=in_place, dry_run=True)
    assert (report.state, report.rows, report.shielded, report.empty) == ("planned", 40, 40, 1)
    assert report.indexes == ([] if in_place else [f"{faces.table}_hnsw"])
    assert report.shield_ms is not None
    assert str((columns(faces), faces.run("SELECT ctid, xmin, * FROM {t}"))) == str(before)


@both_ways
def test_rows_without_a_feature_stay_without(
    faces: Faces, store: PostgresStore, key: Key, in_place: bool
) -> None:
    faces.run("UPDATE {t} SET embedding = NULL WHERE id IN (3, 9)")
    plain = faces.stored()
    report = migrate(store, keyed(key), in_place=in_place)
    assert (report.rows, report.empty) == (38, 2)
    check_done(faces, key, plain)


def test_until_the_swap_searches_find_what_they_found_and_changes_are_not_lost(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    before = identify(probe(faces.features[7]), store)
    held = migrate(store, keyed(key), hold=True)
    assert held.state == "held"
    assert identify(probe(faces.features[7]), store) == before
    assert columns(faces) == ["embedding", "embedding_next", "embedding_next_shield", "id", "name"]
    rotated = keyed(key)(faces.features[7:8])[0]
    (nearest,) = faces.run("SELECT id FROM {t} ORDER BY embedding_next <=> %s LIMIT 1", rotated)
    assert nearest == (8,)

    changed = faces.features[0] + 1
    faces.run("UPDATE {t} SET embedding = %s WHERE id = 5", changed)
    faces.run("UPDATE {t} SET name = 'new' WHERE id = 6")
    faces.run("DELETE FROM {t} WHERE id = 11")
    faces.insert(faces.features[1] + 1)
    assert faces.run("SELECT id FROM {t} WHERE embedding_next IS NULL ORDER BY id") == [(5,), (41,)]
    plain = faces.stored()
    np.testing.assert_array_equal(plain[5], changed)

    report = migrate(store, keyed(key))
    assert (report.rows, report.before, report.shielded) == (40, 38, 2)
    check_done(faces, key, plain)


@both_ways
def test_what_changes_between_two_batches_is_shielded_too(
    faces: Faces, store: PostgresStore, key: Key, in_place: bool
) -> None:
    batches: list[int] = []

    def program(rows: int) -> None:
        batches.append(rows)
        if len(batches) == 2:
            faces.run("DELETE FROM {t} WHERE id IN (2, 30)")
            faces.run("INSERT INTO {t} (id, name, embedding) VALUES (-5, 'new', %s)", added)
            if not in_place:
                faces.run("UPDATE {t} SET embedding = %s WHERE id IN (3, 33)", changed)

    added, changed = faces.features[0] * 2, faces.features[1] - 3
    plain = faces.stored()
    migrate(store, keyed(key), in_place=in_place, batch=10, watch=program)
    del plain[2], plain[30]
    plain[-5] = added
    if not in_place:
        plain[3] = plain[33] = changed
    check_done(faces, key, dict(sorted(plain.items())))


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
def test_a_new_key_takes_over_and_plain_features_never_appear(
    faces: Faces, store: PostgresStore, key: Key, in_place: bool
) -> None:
    plain, new = faces.stored(), keys.new("rotation")
    migrate(store, keyed(key))
    for change in (keyed(new), rekeyed(keys.new("rotation"), new)):
        with pytest.raises(UsageError, match=f"there are 40 with keyed/1:{key.fingerprint}"):
            migrate(store, change)
    migrate(store, rekeyed(key, new), takes=mark(keyed(key)), in_place=in_place)
    check_done(faces, new, plain)


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


def test_an_empty_table_is_refused(faces: Faces, store: PostgresStore, key: Key) -> None:
    faces.run("DELETE FROM {t}")
    with pytest.raises(UsageError, match="holds no features; there is nothing to shield"):
        migrate(store, keyed(key))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE VIEW {t}_view AS SELECT embedding FROM {t}", "view"),
        ("ALTER TABLE {t} ADD CHECK (vector_dims(embedding) = 8)", "constraint"),
        ("CREATE INDEX ON {t} USING hnsw (embedding vector_l2_ops) WHERE id > 3", "index"),
        ("GRANT SELECT (embedding) ON {t} TO public", "rights granted on the column"),
        ("ALTER TABLE {t} ALTER embedding SET DEFAULT '[1,1,1,1,1,1,1,1]'", "default value"),
    ],
)
def test_a_column_that_more_hangs_on_is_shielded_in_place_only(
    faces: Faces, store: PostgresStore, key: Key, statement: str, said: str
) -> None:
    faces.run(statement)
    plain, before = faces.stored(), columns(faces)
    with pytest.raises(UsageError, match=f"cannot be swapped for a new column.*{said}.*--in-place"):
        migrate(store, keyed(key))
    assert columns(faces) == before
    migrate(store, keyed(key), in_place=True)
    check_done(faces, key, plain)


def test_erasing_rewrites_the_files_of_the_table(
    faces: Faces, store: PostgresStore, key: Key
) -> None:
    plain = faces.stored()
    file = "SELECT pg_relation_filepath('{t}')"
    before = faces.run(file)
    report = migrate(store, keyed(key), erase=True)
    assert report.erased
    assert faces.run(file) != before
    check_done(faces, key, plain)


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


def test_requests_that_make_no_sense_are_refused(store: PostgresStore, key: Key) -> None:
    with pytest.raises(UsageError, match="a batch of 0 rows"):
        migrate(store, keyed(key), batch=0)
    with pytest.raises(UsageError, match="leave --hold or --in-place out"):
        migrate(store, keyed(key), in_place=True, hold=True)


def test_a_report_holds_no_password(faces: Faces, key: Key) -> None:
    url = faces.url.replace("postgres:@", "postgres:hunter2@")
    place = Place(where=address(url), table=faces.table, column="embedding", id="id")
    with table_store(place) as store:
        report = migrate(store, keyed(key), dry_run=True)
    assert "hunter2" in url
    assert "hunter2" not in f"{report} {report.as_json()} {store!r}"


def test_embeddings_that_are_moved_a_little_come_with_their_cosines(
    faces: Faces, store: PostgresStore
) -> None:
    embeddings = torch.from_numpy(faces.features)
    design = Design(kind="ridge", feature=(8,), picture=(16, 16))
    shadow = fresh(design, moments(embeddings), np.random.default_rng(0)).eval()
    shielding = adversarial([shadow], AdvFace(least_cosine=0.8))
    tried = migrate(store, shielding, dry_run=True)
    assert tried.matching is not None
    assert tried.matching.records == 32
    plain = faces.stored()
    report = migrate(store, shielding, batch=7)
    found = [
        float(plain[i] @ now / np.linalg.norm(plain[i]) / np.linalg.norm(now))
        for i, now in faces.stored().items()
    ]
    assert report.matching is not None
    assert report.matching.records == 40
    assert report.matching.lowest == pytest.approx(min(found), abs=1e-5)
    assert report.matching.kept == sum(cosine >= 0.8 for cosine in found)
    assert migrate(store.inspected(), shielding).matching is None  # nothing was left to do
