import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.networks import resnet18_model
from benchmarks.photos import LabeledPhoto, batch, write_large, write_small
from benchmarks.runs import REQUIRED
from PIL import Image

from anamorph.methods.fmd_parameters import FMD
from anamorph.optimize.engine import solve
from benchmarks import (
    audit_cost,
    compare,
    growth,
    matrix,
    memory,
    pace,
    page_audit,
    page_audit_cost,
    page_compare,
    page_growth,
    page_matrix,
    page_memory,
    page_pace,
    page_peers,
    page_protect,
    page_speed,
    peers,
    protect,
    rival,
    speed,
)

SHARE = {"share": 0.5, "n": 4, "interval": [0.15, 0.85]}
MODEL = {"name": "m", "clean": SHARE, "protected": SHARE, "kept": SHARE}
SPREAD = {"median": 1.0, "q1": 0.9, "q3": 1.1, "min": 0.8, "max": 1.2, "n": 5}
CLOCKS = {"wall": SPREAD, "cpu": SPREAD}


def run(figures: dict[str, Any], n: int = 4, **settings: Any) -> dict[str, Any]:
    where = {"cpu": "a processor", "threads": 1, "cores": 2, "memory_gib": 8.0}
    with_what = {"anamorph": "0", "torch": "2", "python": "3"}
    return {
        "date": "2026-01-02",
        "machine": where,
        "versions": with_what,
        "settings": settings,
        "n": n,
        "figures": figures,
    }


def test_protect_says_in_one_line_that_the_photos_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    status = protect.main(["--data", str(tmp_path), "--results", str(results)])
    assert status == 0
    assert capsys.readouterr().out.startswith("protect: skipped")
    assert not results.exists()


def test_protect_skips_where_only_the_models_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "imagenet" / "nips2017dev").mkdir(parents=True)
    (tmp_path / "imagenet" / "nips2017dev.csv").write_text("file,label\na.jpg,1\n")
    monkeypatch.setattr(protect, "has_models", lambda: False)
    assert protect.main(["--data", str(tmp_path), "--results", str(tmp_path / "results")]) == 0
    assert "skipped" in capsys.readouterr().out


def test_a_rival_that_cannot_be_installed_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rival, "FOLDER", tmp_path)
    monkeypatch.setattr(rival, "REQUIREMENTS", [str(tmp_path / "nothing.whl")])
    with pytest.raises(rival.Absent, match=r"nothing\.whl"):
        rival.rival_module("torchattacks")


@pytest.mark.slow
def test_memory_measures_a_run_in_its_own_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "WORK", tmp_path)
    arguments = ["--counts", "1", "--size", "64x48", "--steps", "1", "--results", str(tmp_path)]
    assert memory.main(arguments) == 0
    found = json.loads((tmp_path / "memory.json").read_text())["runs"]["1 photos"]
    assert set(found) == set(REQUIRED)
    assert found["figures"]["protected"] + found["figures"]["failed"] == 1
    assert found["figures"]["peak_gib"] >= found["figures"]["before_gib"] > 0


def test_the_peak_counts_the_photos_that_were_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "WORK", tmp_path)
    write_large(tmp_path / "photos", 2, size=(64, 48))
    figures = memory.peak(tmp_path / "photos", 2, "paper", steps=1, threads=1)
    assert figures["protected"] + figures["failed"] == 2
    assert figures["peak_gib"] >= figures["before_gib"] > 0


def test_the_page_of_protection_shows_controls_beside_presets() -> None:
    figures = {
        "authorized": MODEL,
        "panel": [MODEL, MODEL],
        "panel_kept_mean": SHARE,
        "panel_protected_mean": SHARE,
        "quality": {"psnr_mean": 28.1, "ssim_mean": 0.7, "linf_max": 16.0},
    }
    cost = {"cost": {"seconds_per_photo": 1.5, "cpu_seconds_per_photo": 1.2}}
    page = page_protect.page(
        {"fast": run({**figures, **cost}, first=100), "sign noise": run(figures, first=0)}
    )
    assert "| fast | 101 to 104 | 50.0 % (15.0 to 85.0, n 4)" in page
    assert "| sign noise | 28.1 | 0.7 | 16.0 | - | - | - | - |" in page


def test_the_page_of_speed_shows_quotients_with_quartiles() -> None:
    page = page_speed.page(
        {
            "net, fast": run({"step": CLOCKS, "whole": CLOCKS}, parameters={"steps": 20}),
        }
    )
    assert "| net, fast | 20 | 1.00 (0.90 to 1.10) |" in page


def test_the_page_of_peers_shows_each_library_over_the_engine() -> None:
    over = ("over_anamorph", "over_short", "over_protect")
    figures = {one: {"other PGD": CLOCKS} for one in over}
    page = page_peers.page({"net": run(figures, batch=8, size=[224, 224], steps=10)})
    assert "## net: 8 pictures of 224 pixels, 10 steps" in page
    assert f"| other PGD |{' 1.00 (0.90 to 1.10) |' * 4}" in page


def test_growth_notes_pace_and_peak_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "WORK", tmp_path)
    write_small(tmp_path / "pictures", 5, 16)
    figures = growth.grown(tmp_path / "pictures", 5, steps=1, every=2, threads=1)
    assert figures["protected"] + figures["failed"] == 5
    assert len(figures["cpu_seconds"]) == len(figures["peak_gib"]) == 2
    page = page_growth.page({"5 pictures, 1 steps": run(figures, n=5, side=16, every=2)})
    assert "| 5 pictures, 1 steps | " in page


def test_ways_take_turns_and_are_read_from_their_files(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(np.full((16, 16, 3), 60 * i, np.uint8)).save(tmp_path / f"{i}.png")
    model = resnet18_model((16, 16))
    answers = [
        int(model.output(torch.full((1, 3, 16, 16), 60 * i / 255)).argmax()) for i in range(3)
    ]
    photos = [LabeledPhoto(path=tmp_path / f"{i}.png", label=y) for i, y in enumerate(answers)]
    bench = protect.Bench(authorized=model, panel=[model], photos=photos, seed=0)
    ways = {"paper": FMD(steps=2), "fast, 1 steps": FMD(steps=1)}
    figures = pace.in_turn(bench, ways, together=2)
    assert list(figures) == list(ways)
    for one in figures.values():
        assert one["seconds"]["cpu"]["n"] == 2  # batches
        assert one["over_paper"]["cpu"]["median"] > 0
    text = page_pace.page({"photos 1 on": run(figures, n=3, together=2)})
    assert "| paper | " in text
    assert "| fast, 1 steps | " in text


def test_the_same_problems_are_written_for_the_engine() -> None:
    images = batch(2, 32)
    for problem in (
        peers._pgd(resnet18_model(), images, torch.tensor([1, 2]), 2),
        peers._features(resnet18_model(), "layer2", images, images.flip(0), 2),
    ):
        for solved, x in zip(solve(problem), images, strict=True):
            assert 0 < (solved.value - x).abs().max() <= peers.EPSILON + 1e-6


@pytest.mark.parametrize(
    ("peaks", "said"),
    [
        ({10: 2.0, 200: 2.1}, "Below 3 GiB: yes (2.10). Flat: yes"),
        ({10: 2.0, 200: 3.1}, "Below 3 GiB: no (3.10). Flat: no"),
        ({2: 1.0, 10: 2.0}, "Flat: not known"),
    ],
)
def test_the_verdict_on_memory_says_which_bar_is_missed(peaks: dict[int, float], said: str) -> None:
    after = {str(n): peak for n, peak in peaks.items()}
    runs = {"photos": run({"peak_gib": max(peaks.values()), "peak_gib_after": after}, n=max(peaks))}
    assert said in page_memory.verdict(runs)


KEPT = {"share": 0.5, "n": 4, "low": 0.15, "high": 0.85}
LOOKS = {"psnr_mean": 28.1, "ssim_mean": 0.7}


def test_the_page_of_the_matrix_has_a_row_for_the_mean() -> None:
    cells = [{"reader": name, "kept": KEPT, "error": None} for name in ("a", "b")]
    figures = {
        "authorized": "a",
        "authorized_kept": {**KEPT, "share": 1.0},
        "panel_kept_mean": KEPT,
        "cells": cells,
        "protected": 4,
        "failed": 0,
        "seconds_per_picture": 1.5,
        "clean": {"a": KEPT, "b": KEPT},
        **LOOKS,
    }
    row = run(figures, set="photos", first=100, preset="fast", authorized="a", models=["a", "b"])
    page = page_matrix.page({"photos, fast, a": row})
    assert "## photos 101 to 104, fast" in page
    assert "| a | **50.0 % (15.0 to 85.0, n 4)** | 50.0 % (15.0 to 85.0, n 4) |" in page
    assert "| mean, not authorized | - | 50.0 % (15.0 to 85.0, n 4) |" in page
    assert "| a | 4 | 0 | 28.10 | 0.7000 | 1.50 |" in page


def test_the_page_of_the_comparison_tells_ways_with_and_without_surrogates_apart() -> None:
    figures = {
        "authorized_kept": KEPT,
        "panel_kept_mean": KEPT,
        "cells": [{"reader": "a", "kept": KEPT, "error": None}],
        "seconds_per_picture": 1.5,
        "cpu_seconds_per_picture": None,
        **LOOKS,
    }
    page = page_compare.page(
        {
            "pgd": run(figures, first=100, authorized="a", panel=["b"], surrogates=[]),
            "pgd, surrogate": run(
                figures, first=100, authorized="a", panel=["b"], surrogates=["c"]
            ),
        }
    )
    assert (
        page.index("| pgd | 101 to 104 |")
        < page.index("Surrogate: c.")
        < page.index("| pgd, surrogate")
    )


@pytest.mark.parametrize(("median", "said"), [(1.19, "1.2: yes"), (1.21, "1.2: no")])
def test_the_page_of_the_audit_says_whether_the_bar_is_met(median: float, said: str) -> None:
    clocks = {"wall": SPREAD, "cpu": {**SPREAD, "median": median}}
    figures = {"audit_over_forward": clocks}
    page = page_audit_cost.page({"audit": run(figures, models=["a"], transforms="all", bar=1.2)})
    assert said in page


@pytest.mark.parametrize("script", [compare, audit_cost, pace], ids=lambda s: s.__name__)
def test_scripts_skip_where_the_photos_are_missing(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--data", str(tmp_path), "--results", str(tmp_path / "results")]) == 0
    assert ": skipped" in capsys.readouterr().out


def test_rows_of_the_matrix_are_measured_one_by_one(tmp_path: Path) -> None:
    arguments = ["--sets", "portraits", "--portraits", "2", "--presets", "fast", "--steps", "1"]
    arguments += ["--results", str(tmp_path), "--work", str(tmp_path / "work")]
    assert matrix.main([*arguments, "--rows", "identity-vgg"]) == 0
    runs = json.loads((tmp_path / "matrix.json").read_text())["runs"]
    assert list(runs) == ["portraits, fast, identity-vgg"]
    assert len(runs["portraits, fast, identity-vgg"]["figures"]["cells"]) == 6


@pytest.mark.parametrize(
    "script",
    [protect, speed, memory, matrix, compare, audit_cost, pace, growth],
    ids=lambda s: s.__name__,
)
def test_every_script_explains_its_options(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    main: Callable[[Sequence[str]], int] = script.main
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "--redo" in capsys.readouterr().out


def _counted(**shares: float) -> dict[str, Any]:
    """Shares as `audit.json` holds them."""
    about = {"n": 4, "low": 0.1, "high": 0.9}
    return {**shares, **{key: dict.fromkeys(shares, value) for key, value in about.items()}}


def test_the_honest_table_shows_every_attack_and_who_learned() -> None:
    row = _counted(panel_kept_mean=0.25, authorized=1.0, panel_clean_mean=0.75)
    learner = _counted(kept=0.8, kept_before=0.2)
    about = {"name": "m", "held_out": 9, "pictures": 5}
    figures = {
        **_counted(panel_kept_mean=0.3),
        "authorized": _counted(kept=1.0),
        "controls": {"sign noise": row},
        "under": {"jpeg-75": row},
        "adaptive": [{**learner, **about, "way": way} for way in ("labels", "distilled")],
        "detection": {**_counted(accuracy=0.9, auc=0.95), "learned_from": 6, "held_out": 8},
    }
    text = page_audit.page({"fast": run(figures, first=100, authorized="a", panel=["m"])})
    assert "Photos 101 to 104. Authorized: a. Panel: m." in text
    assert "| none | 30.0 % (10.0 to 90.0, n 4) | 100.0 %" in text
    assert "| jpeg-75 | 25.0 % (10.0 to 90.0, n 4) |" in text
    assert "after learning right labels from 5 protected photos | 9 | 80.0 %" in text
    assert "clean ones: right in 90.0 %" in text
