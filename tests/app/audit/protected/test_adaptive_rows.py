"""Attackers who learn, as rows of an audit."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from anamorph.adversaries.adaptive import Training
from anamorph.adversaries.detector import detect
from anamorph.app.audit.protected.adaptive_rows import Learners
from anamorph.app.audit.protected.audit import audit
from anamorph.auditing.audit import Audit
from anamorph.errors import Cancelled
from anamorph.files.photo import read
from anamorph.models import Model

COUNT = 24


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth pictures, lit red or green; the protected ones are lit the other way and noisy."""
    top = tmp_path_factory.mktemp("learners")
    chance = np.random.default_rng(0)
    (top / "originals").mkdir()
    (top / "protected").mkdir()
    rows = ["file,label"]
    for number in range(COUNT):
        name, label = f"{number:02d}.png", number % 2
        pixels = np.broadcast_to(np.linspace(60, 120, 16)[:, None, None], (16, 16, 3)).copy()
        pixels += chance.integers(0, 8)
        pixels[..., label] += 60
        Image.fromarray(pixels.astype(np.uint8)).save(top / "originals" / name)
        noisy = pixels[..., [1, 0, 2]] + chance.choice([-8, 8], pixels.shape)
        Image.fromarray(noisy.astype(np.uint8)).save(top / "protected" / name)
        rows.append(f"{name},{label}")
    (top / "labels.csv").write_text("\n".join(rows) + "\n")
    return top


class Colors(nn.Module):
    """Reads which of red and green is brighter."""

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 3, 1, bias=False)
        self.head = nn.Linear(3, 2, bias=False)
        self.early.weight.data = torch.eye(3)[..., None, None]
        self.head.weight.data = strength * torch.eye(3)[:2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = self.head(self.early(x).mean((2, 3)))
        return answers


@pytest.fixture(scope="module")
def colors(toy_of: Callable[..., Model]) -> list[Model]:
    return [toy_of(Colors(strength), name=f"colors {strength}") for strength in (4.0, 5.0)]


@pytest.fixture
def run(folders: Path, colors: list[Model]) -> Callable[..., Audit]:
    def start(**how: Any) -> Audit:
        about = {"transforms": ["none"], "controls": False, "panel": [colors[1]], **how}
        return audit(
            originals=folders / "originals",
            protected=folders / "protected",
            authorized=colors[0],
            **about,
        )

    return start


def test_a_student_needs_no_labels(run: Callable[..., Audit]) -> None:
    (row,) = run(distill=[4]).adaptive
    assert (row.way, row.model, row.pictures) == ("distilled", "colors 5.0", 4)
    assert row.clean_before.value == 1
    assert row.before.value == 0


def test_both_ways_stand_side_by_side(run: Callable[..., Audit], folders: Path) -> None:
    rows = run(distill=[4], adaptive=[4, 6], labels=folders / "labels.csv").adaptive
    assert [(row.way, row.pictures) for row in rows] == [
        ("labels", 4),
        ("labels", 6),
        ("distilled", 4),
    ]
    assert len({row.held_out for row in rows}) == 1


def test_a_detector_is_that_of_the_decoded_files(run: Callable[..., Audit], folders: Path) -> None:
    found = run(detect=True, seed=3).detection
    names = sorted(path.name for path in (folders / "originals").iterdir())
    clean, protected = (
        [read(folders / side / name).pixels for name in names]
        for side in ("originals", "protected")
    )
    digests = [read(folders / "originals" / name).digest for name in names]
    wanted = detect(clean, protected, digests, seed=3)
    assert found is not None
    assert found.accuracy == wanted.accuracy
    assert found.auc.value == pytest.approx(wanted.auc)
    assert found.auc.n == found.held_out // 2
    assert found.learned_from + found.held_out == 2 * COUNT
    assert (found.auc.value or 0) > 0.9


def test_reports_and_json_have_the_rows(run: Callable[..., Audit], tmp_path: Path) -> None:
    out = tmp_path / "report"
    run(distill=[4], detect=True, out=out, formats=("json", "html", "md"), learn_seconds=60)
    told = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert told["adaptive"][0]["way"] == "distilled"
    assert set(told["detection"]) == {
        "learned_from", "held_out", "accuracy", "auc", "n", "low", "high",
    }  # fmt: skip
    for option in ("--distill 4", "--detect", "--learn-seconds 60"):
        assert option in told["measuring"]["command"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "what it answers for the originals" in page
    assert "A detector that learned from" in page
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "## Told from originals" in text
    assert "what it answers for the originals" in text


def test_time_that_runs_out_is_said(run: Callable[..., Audit]) -> None:
    (row,) = run(distill=[4], learn_seconds=1e-9).adaptive
    assert not row.complete


def test_progress_adds_up_also_where_less_is_to_do(run: Callable[..., Audit]) -> None:
    told: list[int] = []
    seen: list[int] = []
    run(distill=[500, 2000], detect=True, found=told.append, watch=seen.append)
    work = Training().work
    assert sum(seen) == told[0] == 2 * COUNT + 2 * work + COUNT


def test_a_training_can_be_stopped(run: Callable[..., Audit]) -> None:
    seen = 0

    def watch(much: int) -> None:
        nonlocal seen
        seen += much
        if seen > 2 * COUNT:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run(distill=[4], watch=watch)


def test_too_few_pictures_are_a_note(photos: Path, toy: Model) -> None:
    one = photos / "astronaut.jpg"
    copy = photos.parent / "astronaut.png"
    Image.open(one).save(copy)
    result = audit(
        originals=one,
        protected=copy,
        authorized=toy,
        panel=[replace(toy, card=replace(toy.card, name="other"), weights_digest="0")],
        transforms=["none"],
        controls=False,
        distill=[4],
        detect=True,
    )
    assert result.detection is None
    assert result.adaptive == ()
    assert any("no detector could learn" in note for note in result.notes)
    assert any("no attacker could learn" in note for note in result.notes)


def test_a_panel_of_embedders_cannot_learn(run: Callable[..., Audit], embedder: Model) -> None:
    result = run(panel=[embedder], distill=[4])
    assert any("no unseen classifier" in note for note in result.notes)


def test_work_counts_epochs_and_pictures() -> None:
    asked = Learners(adaptive=(5, 5, 9), distill=(5,), detect=True, training=Training(epochs=7))
    assert asked.work(30) == 3 * 2 * 7 + 30
