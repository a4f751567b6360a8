"""The shield benchmark: how people are parted, what is kept, and its page."""

import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from benchmarks.page_shield import page, worst
from benchmarks.runs import Run
from benchmarks.shield_data import Pair, faces, same_person
from benchmarks.shield_work import mean_with_interval, protected, seeds, trained
from PIL import Image

from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.models.networks import decoders
from anamorph.templates.role import Features
from benchmarks import shield, shield_work

FIGURE = {"mean": 0.25, "n": 8, "interval": [0.2, 0.3]}
LIKENESS = {"ssim": FIGURE, "psnr": FIGURE, "identity": FIGURE}
MATCHING = {
    "genuine": 6,
    "impostor": 60,
    "tar@0.01": 1.0,
    "tar@0.001": 0.995,
    "tpr at the clean threshold of 0.01": 1.0,
    "tpr at the clean threshold of 0.001": 0.99,
    "accuracy": 0.98,
    "genuine_cosine": FIGURE,
    "self_cosine": FIGURE,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten folds of a pair of one person and one of two; everybody is in one fold only."""
    folder = tmp_path / "faces"
    folder.mkdir()
    lines, names = ["10\t300"], list[str]()
    for fold in range(10):
        one, two = f"Ann_{fold}", f"Bob_{fold}"
        lines += [f"{one}\t1\t2"] * 300 + [f"{one}\t1\t{two}\t1"] * 300
        names += [f"{one}_0001.jpg", f"{one}_0002.jpg", f"{two}_0001.jpg"]
    (folder / "lfw_pairs.txt").write_text("\n".join(lines) + "\n")
    with ZipFile(folder / "lfw_aligned112.zip", "w") as archive:
        for number, name in enumerate(names):
            stream = io.BytesIO()
            Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(stream, "png")
            archive.writestr(name, stream.getvalue())
    return tmp_path


def test_nobody_who_is_tested_on_is_learned_from(data: Path) -> None:
    found = faces(data, folds=2, pairs=1200)
    assert len(found.tested) == 1200
    assert len(found.learned) == 24
    assert not any(
        same_person(name, other)
        for name in found.learned
        for other in (*found.stored, *found.probes)
    )
    assert found.stored == ("Ann_8_0001.jpg", "Ann_9_0001.jpg")
    assert Pair("Ann_8_0001.jpg", "Bob_8_0001.jpg", False) in found.tested
    assert found.pictures(found.probes).shape == (4, 3, 8, 8)


def test_fewer_pairs_are_evenly_chosen(data: Path) -> None:
    few = faces(data, folds=1, pairs=100).tested
    assert len(few) == 100
    assert sum(pair.same for pair in few) == 50


class Halved:
    """A shielding that counts how often it is asked."""

    name, version, digest = "halved", 1, "0123456789abcdef"
    calls = 0

    def __call__(self, features: Features, /) -> Features:
        self.calls += 1
        return features / 2


def test_records_that_an_earlier_run_made_are_taken_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shield_work, "FOLDER", tmp_path)
    monkeypatch.setattr(shield_work, "CHUNK", 2)
    shielding, features = Halved(), torch.arange(20.0).view(5, 4).half()
    records, cost = protected("a", shielding, features)
    assert torch.equal(records, features / 2)
    assert cost is not None
    again, cost = protected("a", shielding, features[:4])
    assert torch.equal(again, features[:4] / 2)
    assert cost is None
    assert shielding.calls == 3
    protected("a", shielding, features + 1)
    assert shielding.calls == 6


def test_a_decoder_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shield_work, "FOLDER", tmp_path)
    generator = torch.Generator().manual_seed(0)
    pairs = Pairs(
        torch.randn(6, 3, 4, 4, generator=generator),
        torch.randint(0, 256, (6, 3, 8, 8), generator=generator).to(torch.uint8),
    )
    p = ShadowTraining(kind="linear", updates=2, batch=2)
    first = trained("a", pairs, p)
    before = [path.stat().st_mtime_ns for path in tmp_path.iterdir()]
    assert decoders.dump(trained("a", pairs, p)) == decoders.dump(first)
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == before


def test_figures_have_an_interval() -> None:
    found = mean_with_interval(torch.tensor([0.0, 1.0]))
    assert (found["mean"], found["n"]) == (0.5, 2)
    assert found["interval"][0] < 0.5 < found["interval"][1]
    assert seeds(3) == seeds(3) != seeds(3, 1)


def run(attacks: dict[str, Any], **figures: Any) -> Run:
    where = {"cpu": "a processor", "threads": 1, "cores": 2, "memory_gib": 8.0}
    with_what = {"anamorph": "0", "torch": "2", "python": "3"}
    return {"date": "2026-01-02", "machine": where, "versions": with_what, "settings": {},
            "n": 8, "figures": {"attacks": attacks, **figures}}  # fmt: skip


def test_the_page_has_a_row_for_every_attacker_and_says_which_bar_is_missed() -> None:
    lower = {**LIKENESS, "ssim": {**FIGURE, "mean": 0.9}}
    online = run(
        {"unet": {"none": LIKENESS, "clip": LIKENESS}, "unet, gaussian noise": {"none": lower}},
        matching=MATCHING,
        cpu_ms_each=90.0,
    )
    decoy = run({"unet, k 100": {"none": LIKENESS}}, matching=MATCHING, cpu_ms_each=None)
    replay = {"clean": {"replayed": 0.8, "n": 5, "cosine": 0.7}}
    embedded = run({"ridge": {"none": LIKENESS}}, replay=replay, cpu_ms_each=1.0)
    text = page(
        {"advface online": online, "decoy": decoy, "clean": online, "plain embedding": decoy,
         "advface on embeddings": embedded}
    )  # fmt: skip
    assert worst(online, "ssim") == 0.25
    assert "| advface online | SSIM, unseen decoders | <= 0.28 | 0.25 | yes |" in text
    assert "| advface online | ms a feature | <= 80 | 90 | no |" in text
    assert "| decoy | drop of the genuine cosine | <= 0.02 | 0 | yes |" in text
    assert "| advface online | unet | clip | 8 | 0.250 (0.200 to 0.300) |" in text
    assert "| advface on embeddings | clean | 5 | 80.0% | 0.700 |" in text


def test_shield_says_in_one_line_that_the_faces_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shield.main(["--data", str(tmp_path), "--results", str(tmp_path / "results")]) == 0
    assert capsys.readouterr().out.startswith("shield: skipped")
    assert not (tmp_path / "results").exists()


def test_every_claim_has_its_row() -> None:
    assert {"clean", "advface adaptive", "decoy", "statistics"} <= set(shield.ROWS)
