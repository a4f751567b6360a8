"""The folder that reports go to."""

from pathlib import Path

import pytest

from anamorph.app.audit.writing import check_formats, check_out
from anamorph.errors import UsageError


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("audit.json", '{\n  "anamorph_audit": 1,'),
        ("report.html", '<meta name="generator" content="anamorph audit">'),
        ("report.md", "# Audit: protected\n"),
    ],
)
def test_what_an_audit_wrote_may_be_replaced(out: Path, name: str, content: str) -> None:
    (out / name).write_text(content)
    check_out(out, originals=Path("a"), protected=Path("b"))
    (out / name).write_text("something else")
    with pytest.raises(UsageError, match=f"{name}, which no audit wrote"):
        check_out(out, originals=Path("a"), protected=Path("b"))


def test_an_empty_folder_and_none_at_all_are_free(out: Path) -> None:
    check_out(out, originals=Path("a"), protected=Path("b"))
    check_out(out / "new", originals=Path("a"), protected=Path("b"))


def test_a_file_is_no_folder(out: Path) -> None:
    (out / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        check_out(out / "file", originals=Path("a"), protected=Path("b"))


def test_the_pictures_own_folders_are_not_written_to(out: Path) -> None:
    with pytest.raises(UsageError, match="is --originals too"):
        check_out(out, originals=out, protected=Path("b"))
    with pytest.raises(UsageError, match="is --protected too"):
        check_out(out, originals=Path("a"), protected=out)
    with pytest.raises(UsageError, match="is --pictures too"):
        check_out(out, pictures=out)


def test_unknown_reports_are_named() -> None:
    with pytest.raises(UsageError, match="no report 'pdf'; choose html, md, json"):
        check_formats(["html", "pdf"])
