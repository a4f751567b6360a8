"""`anamorph audit matrix` from the command line."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Anamorph = Callable[..., Any]
MakeCard = Callable[..., Path]


@pytest.fixture
def cards(card: MakeCard) -> tuple[Path, Path]:
    """Cards of two networks of the same classes."""
    first = card()
    network = (first.parent / "network.py").read_text()
    (first.parent / "other.py").write_text(network.replace("manual_seed(0)", "manual_seed(1)"))
    other = first.parent / "other.toml"
    text = first.read_text().replace("network.py", "other.py").replace("toy", "other")
    other.write_text(text)
    return first, other


def test_a_table_is_shown_and_reports_are_written(
    anamorph: Anamorph, cards: tuple[Path, Path], photos: Path, tmp_path: Path
) -> None:
    models = [word for one in cards for word in ("--models", one)]
    out = tmp_path / "out"
    ended = anamorph("audit", "matrix", photos, *models, "--out", out, "--json", tmp_path / "j")
    assert ended.code == 0, ended.err
    assert "readings kept, fast" in ended.out
    assert "[bold]of[/bold] the tests is" in " ".join(ended.out.split())
    assert {"matrix.json", "report.html", "report.md"} <= {p.name for p in out.iterdir()}
    again = json.loads((tmp_path / "j").read_text())
    written = json.loads((out / "matrix.json").read_text())
    assert again["presets"] == written["presets"]
    command = shlex.split(written["measuring"]["command"])
    assert anamorph(*command[1:]).code == 0


def test_a_model_that_does_not_load_is_named_and_the_exit_status_says_so(
    anamorph: Anamorph, cards: tuple[Path, Path], photos: Path, tmp_path: Path
) -> None:
    models = [word for one in (*cards, "portraits:nobody") for word in ("--models", one)]
    ended = anamorph("audit", "matrix", photos, *models, "--out", tmp_path / "out")
    assert ended.code == 1
    assert ended.out.count("failed: portraits:nobody") == 1


def test_one_model_alone_is_refused(
    anamorph: Anamorph, cards: tuple[Path, Path], photos: Path, tmp_path: Path
) -> None:
    ended = anamorph("audit", "matrix", photos, "--models", cards[0], "--out", tmp_path / "out")
    assert ended.code == 2
    assert "2 models at least" in ended.err
