"""A migration whose process is killed leaves whole rows, and the next one goes on."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anamorph.app.shield.keyed import keyed
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.templates.role import mark

Faces = Any
Anamorph = Any

KILLS = 3
PATIENCE = 120
"""Seconds."""

# Every batch waits, so that there is time to kill it; nothing else about the run is changed.
PROGRAM = """
import time
from anamorph.methods import rotation
turn = rotation.Rotation.__call__
rotation.Rotation.__call__ = lambda self, x: (time.sleep(0.05), turn(self, x))[1]
from anamorph.cli import main
main()
"""


def whole_rows(faces: Faces, key: keys.Key, ending: str) -> int:
    """How many rows are shielded; every other one must be as it was."""
    shielded, made = keyed(key)(faces.features), mark(keyed(key))
    rows = faces.run(f"SELECT id, embedding{ending}, embedding{ending}_shield FROM {{t}}")
    assert sorted(row[0] for row in rows) == list(range(1, len(faces.features) + 1))
    for i, feature, found in rows:
        if found is not None:
            assert found == made
            np.testing.assert_allclose(feature.to_numpy(), shielded[i - 1], atol=1e-6)
        elif ending:
            assert feature is None
        else:
            np.testing.assert_array_equal(feature.to_numpy(), faces.features[i - 1])
    return sum(row[2] is not None for row in rows)


@pytest.mark.parametrize("in_place", [False, True], ids=["swap", "in place"])
def test_a_killed_migration_is_finished_by_the_next(
    faces: Faces, tmp_path: Path, anamorph: Anamorph, in_place: bool
) -> None:
    key = keys.new("rotation")
    key_file.write(key, tmp_path / "k.amkey")
    arguments = [
        *("shield", "--store", faces.url, "--table", faces.table, "--column", "embedding"),
        *("--id", "id", "--method", "keyed", "--key", str(tmp_path / "k.amkey"), "--batch", "3"),
        *(["--in-place"] if in_place else []),
    ]
    ending = "" if in_place else "_next"
    column = f"embedding{ending}_shield"
    written = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.DEVNULL
        )
        try:
            deadline, enough = time.monotonic() + PATIENCE, written + 3
            while written < enough and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.01)
                there = "SELECT 1 FROM pg_attribute WHERE attrelid = '{t}'::regclass "
                if faces.run(there + "AND attname = %s AND NOT attisdropped", column):
                    written = faces.run(f"SELECT count({column}) FROM {{t}}")[0][0]
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -9
        written = whole_rows(faces, key, ending)
        assert 0 < written < len(faces.features)
    ended = anamorph(*arguments)
    assert ended.code == 0, ended.err
    assert whole_rows(faces, key, "") == len(faces.features)
    assert len(faces.run("SELECT * FROM {t} LIMIT 1")[0]) == 4
