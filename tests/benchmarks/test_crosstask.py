"""Protecting for one task and reading for others: what is true of portraits, who reads them."""

import json
from pathlib import Path

import pytest
from benchmarks.runs import REQUIRED

from anamorph import portraits
from anamorph.models import load
from benchmarks import crosstask


def test_portraits_come_with_all_that_is_true_of_them(tmp_path: Path) -> None:
    found = crosstask.written(tmp_path, 3)
    assert [one.path.name for one in found] == [f"person00{i}_1000.png" for i in range(3)]
    assert all(one.path.is_file() for one in found)
    shot = portraits.take(2, 1000)
    answers = {task: truth(found[2].shot) for task, truth in crosstask.TASKS.items()}
    assert answers["identity"] == 2
    assert portraits.EXPRESSIONS[answers["expression"]] == shot.expression
    assert portraits.HAIR_STYLES[answers["hair"]] == shot.hair_style
    assert (answers["glasses"] == 0) == (shot.glasses is None)


def test_without_trained_attributes_the_shipped_tasks_remain(tmp_path: Path) -> None:
    found = crosstask.readers(tmp_path)
    assert {task: len(models) for task, models in found.items()} == {"identity": 6, "expression": 3}
    assert all(models[0].name.endswith("-vgg") for models in found.values())


def test_a_run_has_a_row_for_each_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two = {
        "identity": [load(f"portraits:identity-{name}") for name in ("vgg", "residual")],
        "expression": [load("portraits:expression-vgg")],
    }
    monkeypatch.setattr(crosstask, "readers", lambda _: two)
    trial = ["--portraits", "3", "--steps", "1", "--rows", "identity-vgg"]
    where = ["--results", str(tmp_path / "results"), "--work", str(tmp_path / "work")]
    for _ in range(2):
        assert crosstask.main([*trial, *where]) == 0
    assert "kept (measure again with --redo)" in capsys.readouterr().out
    content = json.loads((tmp_path / "results" / "crosstask.json").read_text(encoding="utf-8"))
    (run,) = content["runs"].values()
    assert set(REQUIRED) <= set(run)
    figures = run["figures"]
    assert figures["protected"] == 3
    names = {task: [m["name"] for m in one["models"]] for task, one in figures["tasks"].items()}
    assert names == {
        "identity": ["identity-vgg", "identity-residual"],
        "expression": ["expression-vgg"],
    }
    other = figures["tasks"]["identity"]["models"][1]["kept"]
    assert figures["tasks"]["identity"]["unseen_kept_mean"] == other
    text = (tmp_path / "results" / "crosstask.md").read_text(encoding="utf-8")
    assert "| protected for | pictures | it keeps | identity | expression |" in text
    assert "identity-vgg (authorized)" in text
