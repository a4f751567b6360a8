"""Which faces are chosen, and that they come out of their archive once."""

from pathlib import Path
from zipfile import ZipFile

import pytest
from benchmarks.faces import ARCHIVE, extract, has_faces, names, one_each, people

PICTURES = [f"{who}_{number:04}.jpg" for who in "ABCDEF" for number in range(1, 4)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data" / ARCHIVE
    path.parent.mkdir(parents=True)
    with ZipFile(path, "w") as archive:
        for name in [*PICTURES, "about.txt"]:
            archive.writestr(name, name)
    return tmp_path / "data"


def test_people_have_two_pictures_and_are_spread_over_the_names() -> None:
    chosen = people([*PICTURES, "G_0001.jpg"], 3)
    assert [one.enrolled for one in chosen] == ["A_0001.jpg", "C_0001.jpg", "E_0001.jpg"]
    assert [one.probe for one in chosen] == ["A_0002.jpg", "C_0002.jpg", "E_0002.jpg"]
    assert len(people(PICTURES, 100)) == 6


def test_fewer_faces_are_the_first_of_more_and_no_two_are_of_one_person() -> None:
    many = one_each(PICTURES, 6)
    assert one_each(PICTURES, 4) == many[:4]
    assert sorted(name[0] for name in many) == list("ABCDEF")


def test_only_the_wanted_pictures_leave_the_archive_and_what_is_there_stays(
    data: Path, tmp_path: Path
) -> None:
    assert has_faces(data)
    assert names(data) == tuple(PICTURES)
    folder = tmp_path / "faces"
    (path,) = extract(["B_0002.jpg"], folder, data)
    assert path.read_text() == "B_0002.jpg"
    path.write_text("there")
    extract(["B_0002.jpg", "C_0001.jpg"], folder, data)
    assert path.read_text() == "there"
    assert sorted(p.name for p in folder.iterdir()) == ["B_0002.jpg", "C_0001.jpg"]


def test_without_the_archive_there_are_no_faces(tmp_path: Path) -> None:
    assert not has_faces(tmp_path)
