"""Names of rows, names of pictures, and who is shown."""

from pathlib import Path

import pytest

from anamorph.app.audit.shielded.pairing import album_of, numbers, some
from anamorph.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ann/1.png", "ann/2.png", "bob/1.png", "cy.jpg", "notes.txt"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "pictures"


def test_people_are_folders_or_else_each_picture_is_somebody(folder: Path) -> None:
    album = album_of(folder, "--pictures")
    assert [(p.path.relative_to(folder).as_posix(), p.person) for p in album.pictures] == [
        ("ann/1.png", "ann"),
        ("ann/2.png", "ann"),
        ("bob/1.png", "bob"),
        ("cy.jpg", "cy"),
    ]
    assert album.missed == ()


def test_a_name_means_a_picture_where_it_means_one_alone(folder: Path) -> None:
    names = album_of(folder, "--pictures").by_name()
    assert names["ann/1.png"] == names["ann/1"] == 0
    assert names["2.png"] == names["2"] == 1
    assert names["cy"] == names["cy.jpg"] == 3
    assert "1" not in names
    assert "1.png" not in names


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures there; check --probes"):
        album_of(tmp_path / "empty", "--probes")
    with pytest.raises(UsageError, match="no such file or folder"):
        album_of(tmp_path / "nowhere", "--known")


def test_people_keep_their_numbers() -> None:
    assert numbers(["x", "y", "x"], {"y": 0}) == {"y": 0, "x": 1}
    assert some(["a"]) == "a"
