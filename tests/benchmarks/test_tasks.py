"""Real faces of one task read by models of others: the detector, and the page."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from benchmarks import page_tasks, tasks


def test_the_detector_finds_a_face_and_none_in_noise(tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()[0:256, 96:352]).save(tmp_path / "face.png")
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert tasks.shows_face(tmp_path / "face.png")
    assert not tasks.shows_face(tmp_path / "noise.png")


def test_the_page_has_a_row_for_each_authorized_model() -> None:
    kept: dict[str, Any] = {"share": 0.25, "n": 4, "low": 0.1, "high": 0.9}
    cells = [{"reader": name, "kept": kept, "error": None} for name in ("a", "b")]
    figures = {"cells": cells, "detector": kept, "matched": {"a": kept}, "psnr_mean": 25.04}
    settings = {
        "far": 0.001,
        "preset": "fast",
        "models": ["a", "b"],
        "tasks": {"a": "faces", "b": "photos"},
    }
    where = {"cpu": "a processor", "threads": 1, "cores": 2, "memory_gib": 8.0}
    text = page_tasks.page(
        {
            "a": {
                "n": 4,
                "figures": figures,
                "settings": settings,
                "machine": where,
                "versions": {"anamorph": "0", "torch": "2", "python": "3"},
                "date": "2026-01-02",
            }
        }
    )
    assert "| protected for | faces | a (faces) | b (photos) | face detector |" in text
    assert "| a | 4 | **25.0 % (10.0 to 90.0, n 4)** | 25.0 %" in text
    assert "| 25.0 |" in text
    assert "takes 0.001 of the pairs" in text
