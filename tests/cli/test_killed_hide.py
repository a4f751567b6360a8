"""A run of `hide` whose process is killed goes on with --resume: every file whole, none twice."""

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

from anamorph.files.manifest import file_digest
from anamorph.keys import file as key_file
from anamorph.keys import key as keys

Anamorph = Callable[..., Any]
Crop = Callable[..., NDArray[np.uint8]]

COUNT = 8
PATIENCE = 60
"""Seconds."""


@pytest.fixture
def waiting(tmp_path: Path, crop: Crop) -> Path:
    """Pictures whose hidden ones are of a size each, so that they are done one after another."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(COUNT):
        Image.fromarray(crop("coffee", 16 + 6 * i, 32)).save(folder / f"{i}.png")
    return folder


def _records(out: Path) -> list[dict[str, Any]]:
    path = out / "manifest.jsonl"
    whole = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in whole[1:] if line.endswith("\n")]


def test_a_killed_run_of_hide_loses_nothing_and_hides_nothing_twice(
    waiting: Path, tmp_path: Path, card: Callable[..., Path], anamorph: Anamorph
) -> None:
    out, key = tmp_path / "out", tmp_path / "a.amkey"
    key_file.write(keys.new("sealed"), key)
    arguments = ("hide", waiting, "--out", out, "--service", card(pause=0.01), "--key", key,
                 "--preset", "fast")  # fmt: skip
    program = "from anamorph.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)])
    try:
        deadline = time.monotonic() + PATIENCE
        while len(_records(out)) < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    done = {path: file_digest(path) for path in out.glob("*.png")}
    assert process.returncode != 0
    assert 2 <= len(done) < COUNT
    (out / ".0123456789abcdef.anamorph-part").write_bytes(b"half a picture")

    ended = anamorph(*arguments, "--resume", "--json", "-")

    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)["summary"]
    assert (summary["skipped"], summary["hidden"]) == (len(done), COUNT - len(done))
    assert all(file_digest(path) == digest for path, digest in done.items())
    assert {path.name for path in out.iterdir()} == {
        "manifest.jsonl",
        *(f"{i}.png" for i in range(COUNT)),
    }
    back = tmp_path / "back"
    assert anamorph("reveal", out, "--out", back, "--key", key).code == 0
    for source in waiting.iterdir():
        assert (back / source.name).read_bytes() == source.read_bytes()
