"""A live table is moved behind a shield: nothing lost, doubled or half-done, search exact."""

from typing import Any

import numpy as np
import pytest
import torch

from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.keyed import keyed, rekeyed
from anamorph.app.shield.migrate import migrate
from anamorph.app.shield.stores import Place, table_store
from anamorph.app.shield.templates import identify
from anamorph.errors import UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.advface import AdvFace
from anamorph.models.networks.decoder_bodies import Design
from anamorph.models.networks.decoders import fresh, moments
from anamorph.templates.address import address
from anamorph.templates.postgres.store import PostgresStore
from anamorph.templates.role import mark

from .conftest import both_ways, check_done, columns, probe

Faces = Any


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
