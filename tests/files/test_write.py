import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anamorph.errors import NotWritten
from anamorph.files.encoding import encode
from anamorph.files.photo import Photo, decode, read
from anamorph.files.write import sweep, whole, write_whole


@pytest.fixture
def photo(color: Any, save_as: Any) -> Photo:
    return decode(save_as(Image.fromarray(color), "PNG"), "photo")


def test_a_picture_is_written_into_new_folders_and_read_back(photo: Photo, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "photo.png"
    write_whole(path, encode(photo, photo.pixels[::-1, ::-1]))
    np.testing.assert_array_equal(read(path).pixels, photo.pixels[::-1, ::-1])
    assert _names(path.parent) == ["photo.png"]


def test_an_existing_file_is_left_alone_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"mine")
    with pytest.raises(NotWritten, match=r"photo\.png: could not be written: File exists; remove"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"mine"
    write_whole(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert _names(tmp_path) == ["photo.png"]


def test_a_file_made_elsewhere_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    with whole(path) as part:
        part.write_bytes(b"first ")
        assert not path.exists()
        with part.open("ab") as stream:
            stream.write(b"second")
    assert path.read_bytes() == b"first second"
    with pytest.raises(ZeroDivisionError), whole(path, overwrite=True) as part:
        part.write_bytes(b"half" * (1 // 0))
    assert path.read_bytes() == b"first second"
    assert _names(tmp_path) == ["large.npy"]


def test_a_file_system_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_whole(tmp_path / "a", b"new")
    with pytest.raises(NotWritten, match="File exists"):
        write_whole(tmp_path / "a", b"newer")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert _names(tmp_path) == ["a"]


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "original")
    with pytest.raises(NotWritten, match="File exists"):
        write_whole(tmp_path / "a", b"new")
    write_whole(tmp_path / "a", b"new", overwrite=True)
    assert not (tmp_path / "original").exists()


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "an --out you may write to"),
        (errno.EACCES, "an --out you may write to"),
        (errno.EIO, "check the disk"),
    ],
)
def test_the_disk_refusing_leaves_nothing_and_says_what_to_do(
    number: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(NotWritten, match=rf"photo\.png: .*{os.strerror(number)}; .*{advice}"):
        write_whole(tmp_path / "photo.png", b"data")
    assert _names(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "photo.png", b"data")
    assert _names(tmp_path) == []


def test_names_and_folders_that_cannot_be_are_reported(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="shorten the name"):
        write_whole(tmp_path / ("a" * 300), b"data")
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match=r"file/photo\.png: could not be written"):
        write_whole(tmp_path / "file" / "photo.png", b"data")


def test_the_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "ours", b"data")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_sweep_removes_what_a_killed_run_left_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        killed.setattr(os, "fsync", _fail)
        with pytest.raises(NotWritten):
            write_whole(tmp_path / "sub" / "photo.png", b"data")
    (tmp_path / "photo.anamorph-part").touch()
    (tmp_path / ".hidden").touch()
    (left,) = _names(tmp_path / "sub")
    assert sweep(tmp_path) == (tmp_path / "sub" / left,)
    assert _names(tmp_path) == [".hidden", "photo.anamorph-part", "sub"]
    assert sweep(tmp_path) == sweep(tmp_path / "missing") == ()


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _fail(descriptor: int) -> None:
    raise OSError(errno.EIO, "killed")
