"""The ablation: what is changed, one thing at a time, and how its curves are drawn."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from anamorph.methods.fmd_parameters import FMD, PRESETS
from anamorph.models import Model
from anamorph.parameters import shown
from benchmarks import ablation, page_ablation

LOOKS = {"psnr_mean": 28.5, "ssim_mean": 0.7}


def run(sweep: str, value: str, kept: float | None, psnr: float, **changes: Any) -> dict[str, Any]:
    share = {"share": kept, "n": 4, "interval": [0.1, 0.9]}
    return {
        "date": "2026-01-02",
        "machine": {"cpu": "a processor", "threads": 1, "cores": 2, "memory_gib": 8.0},
        "versions": {"anamorph": "0", "torch": "2", "python": "3"},
        "n": 4,
        "settings": {
            "sweep": sweep,
            "value": value,
            "taps": ["blocks.1"],
            "parameters": {**shown(PRESETS["fast"]), **changes},
        },
        "figures": {
            "panel_kept_mean": share,
            "authorized": {"kept": {**share, "share": 1.0}},
            "outcome": {"failed": 0},
            "quality": {**LOOKS, "psnr_mean": psnr},
            "cost": {"cpu_seconds_per_photo": 3.5},
        },
    }


RUNS = {
    "fast": run("", "", 0.3, 28.6),
    "epsilon=24": run("epsilon", "24", 0.1, 25.0),
    "epsilon=4": run("epsilon", "4", 0.9, 39.0),
    "layer=stem": run("layer", "stem", 0.5, 28.0),
    "layer=late": run("layer", "late", None, 28.2),
}


def test_every_change_is_one_that_the_method_takes() -> None:
    for values in ablation.SWEEPS.values():
        for changes in values.values():
            assert FMD(**changes) != PRESETS["fast"]


def test_each_candidate_layer_is_tapped_alone(
    toy_of: Callable[..., Model], network: Callable[..., nn.Module]
) -> None:
    model = toy_of(network(5, 1))
    found = list(ablation.variants(model))
    layers = [variant for variant in found if variant.sweep == "layer"]
    assert [variant.taps for variant in layers] == [(c.name,) for c in model.candidates()]
    assert found[0].name == "fast"
    assert len({variant.name for variant in found}) == len(found)


def test_values_stand_in_order_with_the_one_of_fast_among_them() -> None:
    rows = page_ablation.sweeps(RUNS)["epsilon"]
    assert [value for value, _ in rows] == ["4", "16 (`fast`)", "24"]


def test_the_page_has_a_table_for_each_sweep() -> None:
    text = page_ablation.page(RUNS)
    assert "## epsilon" in text
    assert "## layer" in text
    assert "| 24 | 10.0 % (10.0 to 90.0, n 4) |" in text
    assert "| `fast` (blocks.1) | 30.0 %" in text


def test_curves_are_drawn_for_what_was_measured() -> None:
    drawing = ET.fromstring(page_ablation.curves(RUNS))
    space = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f"{space}circle")) == 3 + 2  # a layer has nothing to judge
    lines = drawing.findall(f"{space}polyline")
    assert len(lines) == 1
    heights = [float(point.split(",")[1]) for point in lines[0].get("points", "").split()]
    assert heights == sorted(heights)  # from 90 % down to 10 %


def test_without_runs_the_drawing_is_empty() -> None:
    assert not ET.fromstring(page_ablation.curves({})).findall("{*}circle")


def test_it_says_in_one_line_that_the_photos_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tmp_path), "--results", str(tmp_path / "results")]
    assert ablation.main(arguments) == 0
    assert capsys.readouterr().out.startswith("ablation: skipped")
    assert not (tmp_path / "results").exists()
