"""An independent script finds the figures that an audit wrote."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.recompute import main
from PIL import Image

from anamorph import portraits
from anamorph.app.audit.protected.audit import audit

PANEL = ("identity-depthwise", "identity-residual")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of portraits with strong noise, which some models misread."""
    folder = tmp_path_factory.mktemp("portraits")
    labels = portraits.write_folder(folder / "originals", range(6), [1000], size=64)
    rng = np.random.default_rng(0)
    (folder / "protected").mkdir()
    for path in (folder / "originals").glob("*.png"):
        pixels = np.asarray(Image.open(path)) + rng.normal(0, 45, (64, 64, 3))
        noisy = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        noisy.save(folder / "protected" / path.name)
    audit(
        originals=folder / "originals",
        protected=folder / "protected",
        authorized="portraits:identity-vgg",
        panel=[f"portraits:{name}" for name in PANEL],
        labels=labels,
        out=folder / "report",
        transforms=("none",),
        controls=False,
        formats=("json",),
    )
    return folder / "report" / "audit.json"


def test_every_figure_is_found_again(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = report.parents[1] / "originals" / "labels.csv"
    status = main([str(report), "--labels", str(labels)])
    said = capsys.readouterr().out
    assert status == 0, said
    assert "52 figures recomputed, 0 differ" in said


def test_a_figure_that_was_changed_is_found(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = json.loads(report.read_text())
    plain["panel"][0]["kept"] = 0.123456
    (tmp_path / "audit.json").write_text(json.dumps(plain))
    labels = report.parents[1] / "originals" / "labels.csv"
    assert main([str(tmp_path / "audit.json"), "--labels", str(labels)]) == 1
    assert "identity-depthwise, kept: the report says 0.123456" in capsys.readouterr().out
