"""A run whose process is killed goes on with --resume and loses nothing."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anamorph.files.photo import read

Anamorph = Callable[..., Any]
Crop = Callable[..., NDArray[np.uint8]]

COUNT = 8
PATIENCE = 60
"""Seconds."""


@pytest.fixture
def waiting(tmp_path: Path, crop: Crop) -> Path:
    """A folder of pictures, each of a size of its own, so that they are done one after another."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(COUNT):
        Image.fromarray(crop("coffee", 24 + i, 32)).save(folder / f"{i}.png")
    return folder


def _records(out: Path) -> list[dict[str, Any]]:
    path = out / "manifest.jsonl"
    whole = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in whole[1:] if line.endswith("\n")]


def test_a_killed_run_is_finished_by_resuming_without_doing_anything_twice(
    waiting: Path, tmp_path: Path, card: Callable[..., Path], anamorph: Anamorph
) -> None:
    out = tmp_path / "out"
    arguments = ("protect", waiting, "--out", out, "--authorized", card(pause=0.03), "--steps", 5)
    program = "from anamorph.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)])
    try:
        deadline = time.monotonic() + PATIENCE
        while len(_records(out)) < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    done = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert process.returncode != 0
    assert 2 <= len(done) < COUNT
    # What a kill in the middle of a write leaves behind.
    (out / ".0123456789abcdef.anamorph-part").write_bytes(b"half a picture")
    with (out / "manifest.jsonl").open("ab") as manifest:
        manifest.write(b'{"source": "half a reco')

    ended = anamorph(*arguments, "--resume", "--json", "-")

    assert ended.code == 0
    summary = json.loads(ended.out)["summary"]
    assert summary["skipped"] == len(done)
    assert summary["skipped"] + summary["protected"] == COUNT
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in done.items())
    assert {path.name for path in out.iterdir()} == {
        "manifest.jsonl",
        *(f"{i}.png" for i in range(COUNT)),
    }
    for source in waiting.iterdir():
        change = read(out / source.name).pixels.astype(int) - read(source).pixels
        assert 0 < np.abs(change).max() <= 16
    assert {record["source"] for record in _records(out)} == set(map(str, waiting.iterdir()))
    assert anamorph(*arguments, "--resume").out.startswith(f"0 protected, {COUNT} done before")
