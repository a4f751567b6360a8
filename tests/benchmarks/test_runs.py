import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks.machine import machine, versions
from benchmarks.places import RESULTS
from benchmarks.runs import REQUIRED, SCHEMA, Results, Run, measured_on, table

PUBLISHED = sorted(RESULTS.glob("*.json"))


def names(runs: Mapping[str, Run]) -> str:
    return ", ".join(runs)


class Counting:
    """Figures that say how often they were measured."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        return {"times": self.times}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(folder=tmp_path / "results", name="trial", page=names)


def test_a_run_holds_every_required_field(results: Results) -> None:
    results.measure("a", {"steps": 3}, 8, Counting())
    assert set(results.runs()["a"]) == set(REQUIRED)
    assert results.runs()["a"]["n"] == 8


def test_a_finished_run_with_equal_settings_is_kept(results: Results) -> None:
    figures = Counting()
    for _ in range(2):
        results.measure("a", {"size": (2, 3)}, 1, figures)
    assert figures.times == 1


def test_a_run_with_other_settings_is_measured_again(results: Results) -> None:
    figures = Counting()
    results.measure("a", {"steps": 1}, 1, figures)
    results.measure("a", {"steps": 2}, 1, figures)
    assert results.runs()["a"]["figures"] == {"times": 2}


def test_redo_measures_again(tmp_path: Path) -> None:
    figures = Counting()
    for redo in (False, True):
        Results(folder=tmp_path, name="trial", page=names, redo=redo).measure("a", {}, 1, figures)
    assert figures.times == 2


def test_what_was_finished_survives_a_run_that_breaks(results: Results) -> None:
    def broken() -> None:
        raise ArithmeticError

    results.measure("a", {}, 1, Counting())
    with pytest.raises(ArithmeticError):
        results.measure("b", {}, 1, broken)
    assert list(results.runs()) == ["a"]
    assert results.path.with_suffix(".md").read_text() == "a"


def test_results_of_another_benchmark_are_refused(results: Results) -> None:
    results.measure("a", {}, 1, Counting())
    results.path.write_text(json.dumps({"benchmark": "other", "schema": SCHEMA, "runs": {}}))
    with pytest.raises(ValueError, match="move it away"):
        results.runs()


def test_the_machine_is_described_without_naming_it() -> None:
    import platform

    said = json.dumps([machine(), versions()])
    assert platform.node() not in said or not platform.node()
    assert machine()["cores"] >= 1
    assert machine()["memory_gib"] > 0
    assert versions()["torch"] is not None


def test_a_table_has_a_line_for_every_row() -> None:
    assert table(["a"], [[1], [2]]).splitlines() == ["| a |", "| --- |", "| 1 |", "| 2 |"]


def test_runs_of_one_machine_share_a_line(results: Results) -> None:
    results.measure("a", {}, 1, Counting())
    results.measure("b", {}, 1, Counting())
    assert measured_on(results.runs()).count("\n") == 1


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: p.stem)
def test_published_results_hold_the_required_fields(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["benchmark"] == path.stem
    assert content["schema"] == SCHEMA
    assert content["runs"]
    for run in content["runs"].values():
        assert set(REQUIRED) <= set(run)
        assert run["figures"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", run["date"])


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: p.stem)
def test_published_results_name_no_place(path: Path) -> None:
    whole = path.read_text(encoding="utf-8") + path.with_suffix(".md").read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/", whole)
