"""The lines of docs/service.md work as they are printed."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "service.md"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_lines_for_programs_work_as_printed(
    site: Callable[..., Any], picture: Callable[..., bytes], tmp_path: Path
) -> None:
    _, address = site(models=("identity-residual",))
    url, _, token = address.partition("/#token=")
    (tmp_path / "photo.jpg").write_bytes(picture(format="jpeg"))
    (tmp_path / "other.jpg").write_bytes(picture("coffee", format="jpeg"))
    np.savez(tmp_path / "faces.npz", features=np.random.default_rng(0).normal(size=(4, 8)))
    part = PAGE.read_text(encoding="utf-8").partition("## From a program")[2].partition("\n## ")[0]
    blocks = [b for b in re.findall(r"```sh\n(.*?)```", part, re.DOTALL) if "export" not in b]
    assert len(blocks) == 6
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euc", block],
            cwd=tmp_path,
            env={**os.environ, "URL": url, "TOKEN": token, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, block + done.stdout + done.stderr
    assert "anamorph-record" in (tmp_path / "headers.txt").read_text()
    with zipfile.ZipFile(tmp_path / "results.zip") as results:
        assert set(results.namelist()) == {"records.json", "photo.png", "other.png"}
    assert (tmp_path / "revealed.jpg").read_bytes() == (tmp_path / "photo.jpg").read_bytes()
    assert np.load(tmp_path / "shielded.npz")["features"].shape == (4, 8)
