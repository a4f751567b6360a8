"""`anamorph audit compare` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Anamorph = Callable[..., Any]


def test_a_table_is_shown_and_reports_are_written(
    anamorph: Anamorph, card: Callable[..., Path], photos: Path, tmp_path: Path
) -> None:
    first = card()
    network = (first.parent / "network.py").read_text()
    (first.parent / "other.py").write_text(network.replace("manual_seed(0)", "manual_seed(1)"))
    other = first.parent / "other.toml"
    other.write_text(first.read_text().replace("network.py", "other.py").replace("toy", "other"))
    ended = anamorph(
        *("audit", "compare", photos, "--authorized", first, "--panel", other, "--steps", 2),
        *("--only", "fmd fast", "--only", "sign noise", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended.err
    assert "fmd fast" in ended.out
    assert "5 pictures, 2 ways" in ended.out
    plain = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [way["parameters"].get("steps") for way in plain["ways"]] == [2, None]
