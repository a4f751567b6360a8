"""Audits of pictures behind URLs, and of what a run in shards wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.audit.anywhere import audit_anywhere
from anamorph.app.audit.protected.audit import audit
from anamorph.app.audit.writing import Report
from anamorph.app.shards.run import run
from anamorph.app.shards.use_cases import Protects
from anamorph.batch.shards import Here
from anamorph.errors import FileError, UsageError
from anamorph.files.photo import Limits
from anamorph.methods.fmd_parameters import FMD
from anamorph.portraits import write_folder

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

MODEL, OTHER = "portraits:identity-depthwise", "portraits:identity-vgg"
HOW: dict[str, Any] = {
    "authorized": MODEL,
    "panel": [OTHER],
    "transforms": ["jpeg50"],
    "limits": Limits(),
}


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Path, Path]:
    """Portraits, and what a run in shards made of them."""
    source, out = tmp_path / "in", tmp_path / "out"
    write_folder(source, range(2), range(4), size=48)
    run([source], out, Protects(authorized=(MODEL,), parameters=FMD(steps=2)), Here())
    return source, out


def test_urls_give_the_figures_of_paths_and_their_own_names(
    shards: tuple[Path, Path], tmp_path: Path
) -> None:
    source, out = (f"file://{folder}" for folder in shards)
    formats: tuple[Report, ...] = ("html", "md", "json")
    there = audit_anywhere(audit, source, out, tmp_path / "there", formats=formats, **HOW)
    here = audit(
        originals=shards[0], protected=shards[1], out=tmp_path / "here", formats=formats, **HOW
    )

    assert there.means == here.means
    assert {image.source for image in there.audited} == {
        f"{source}/{path.name}" for path in shards[0].glob("*.png")
    }
    told = json.loads((tmp_path / "there/audit.json").read_text())
    assert f"--originals {source} --protected {out}" in told["measuring"]["command"]
    for report in (tmp_path / "there").iterdir():
        assert "anamorph-audit-" not in report.read_text()
        assert source in report.read_text()


def test_a_panel_that_took_part_in_a_run_in_shards_is_refused(
    shards: tuple[Path, Path], tmp_path: Path
) -> None:
    how = {**HOW, "panel": [MODEL], "authorized": OTHER}
    with pytest.raises(UsageError, match="was used while protecting"):
        audit(originals=shards[0], protected=shards[1], **how)
    with pytest.raises(UsageError, match="was used while protecting"):
        audit_anywhere(
            audit, f"file://{shards[0]}", shards[1], tmp_path / "r", formats=("json",), **how
        )


def test_what_is_not_there_is_said_and_reports_stay_here(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file or folder"):
        audit_anywhere(
            audit,
            f"file://{tmp_path}/no",
            f"file://{tmp_path}",
            tmp_path / "r",
            formats=("json",),
            **HOW,
        )
    with pytest.raises(UsageError, match="written on this machine"):
        audit_anywhere(audit, tmp_path, tmp_path, "s3://b/r", formats=("json",), **HOW)


def test_an_engine_loads_models_by_name(shards: tuple[Path, Path]) -> None:
    from anamorph.models import load

    how = {**HOW, "authorized": load(MODEL)}
    with pytest.raises(UsageError, match="workers load models by their names"):
        audit(originals=shards[0], protected=shards[1], engine=Here(), **how)
    assert (
        audit(originals=shards[0], protected=shards[1], engine=Here(), **HOW).means
        == audit(originals=shards[0], protected=shards[1], **HOW).means
    )
