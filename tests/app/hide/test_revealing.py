"""Names from hidden pictures stay below the folder; manifests are a second chance."""

import json
from pathlib import Path

import pytest

from anamorph.app.hide.revealing import manifests, safe_name
from anamorph.errors import FileError
from anamorph.files.notice import Notice, dump

NOTICE = Notice(
    kind="permuted",
    height=8,
    width=8,
    fingerprint="0123-4567-89ab-cdef-0123",
    model="0" * 32,
    nonce=bytes(16),
    levels=bytes(64),
)


@pytest.mark.parametrize("name", ["a.png", "more/a.jpg", "zo\u00eb/\udcff.jpg", "...", ".a/b"])
def test_a_name_below_the_folder_is_taken(name: str) -> None:
    assert safe_name(name).as_posix() == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "/etc/passwd", "../a.png", "a/../../b", "a\0b", "C:\\a.png", "\\\\host\\a", "C:a"],
)
def test_a_name_that_would_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(FileError, match="no name for a file below --out"):
        safe_name(name)


def _manifest(folder: Path, *records: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(line) for line in ({"anamorph_manifest": 1}, *records)]
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")


def test_a_picture_is_found_in_the_manifest_above_it_whatever_its_suffix(tmp_path: Path) -> None:
    _manifest(tmp_path, {"name": "more/a.png", "notice": dump(NOTICE)})
    beside = manifests()
    assert beside(tmp_path / "more" / "a.jpg") == NOTICE
    assert beside(tmp_path / "a.jpg") is None


def test_other_manifests_and_damaged_ones_are_passed_over(tmp_path: Path) -> None:
    _manifest(tmp_path, {"name": "a.png", "notice": dump(NOTICE)})
    _manifest(
        tmp_path / "inner",
        {"source": "of protect"},
        {"name": 3, "notice": dump(NOTICE)},
        {"name": "", "notice": dump(NOTICE)},
        {"name": "b.png", "notice": "anamorph 1 nonsense"},
    )
    (tmp_path / "inner" / "deep").mkdir()
    (tmp_path / "inner" / "deep" / "manifest.jsonl").write_bytes(b"no manifest\n")
    beside = manifests()
    assert beside(tmp_path / "inner" / "deep" / "b.png") is None
    assert beside(tmp_path / "inner" / "b.png") is None
    assert beside(tmp_path / "a.webp") == NOTICE
