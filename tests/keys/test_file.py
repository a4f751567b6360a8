import errno
import os
from pathlib import Path
from typing import Any

import pytest

from anamorph.errors import (
    AnamorphError,
    DamagedKey,
    FileError,
    NotWritten,
    TooLarge,
    UsageError,
    WrongPassphrase,
)
from anamorph.keys import file
from anamorph.keys.encoding import encode
from anamorph.keys.file import (
    KeyInfo,
    change_passphrase,
    exposure,
    info,
    passphrase_from_file,
    read,
    save,
    write,
)
from anamorph.keys.key import Key, network_key
from anamorph.keys.lock import Cost


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.amkey"


def refuse(*anything: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_key_is_written_and_read_back(key: Key, path: Path) -> None:
    write(key, path)
    assert read(path) == key
    assert _names(path) == ["mine.amkey"]


def test_a_locked_key_is_read_back_with_its_passphrase_only(
    key: Key, path: Path, cheap: Cost
) -> None:
    write(key, path, b"correct horse", cost=cheap)
    assert read(path, b"correct horse") == key
    with pytest.raises(WrongPassphrase, match=r"mine\.amkey: the passphrase is wrong or"):
        read(path, b"wrong")
    with pytest.raises(WrongPassphrase, match=r"mine\.amkey: is locked"):
        read(path)


@pytest.mark.parametrize(
    ("mode", "exposed"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)]
)
def test_a_key_that_others_can_read_is_exposed(
    key: Key, path: Path, mode: int, exposed: bool
) -> None:
    write(key, path)
    assert exposure(path) == ""
    path.chmod(mode)
    said = exposure(path)
    assert bool(said) == exposed
    assert not exposed or (f"mode {mode:04o}" in said and "chmod 600" in said)


def test_a_locked_key_is_exposed_to_nobody(
    key: Key, path: Path, cheap: Cost, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(key, path, b"correct horse", cost=cheap)
    path.chmod(0o644)
    assert exposure(path) == ""
    with pytest.raises(FileError, match="cannot be read"):
        exposure(path.with_name("other.amkey"))
    path.unlink()
    write(key, path)
    path.chmod(0o644)
    monkeypatch.setattr(os, "name", "nt")
    assert exposure(path) == ""


@pytest.mark.parametrize("umask", [0, 0o077])
def test_only_the_owner_may_ever_read_it(
    key: Key, path: Path, umask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    real = os.fsync

    def look(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    before = os.umask(umask)
    try:
        write(key, path)
        change_passphrase(path, None, None)
    finally:
        os.umask(before)
    assert modes[0] == modes[2] == path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("links", [True, False])
def test_a_key_is_never_overwritten(
    key: Key, path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    write(key, path)
    with pytest.raises(NotWritten, match=r"mine\.amkey: exists, and no key is overwritten; choose"):
        write(network_key(b"other"), path)
    assert read(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert _names(path) == ["mine.amkey"]


def test_saving_takes_the_place_of_what_is_there_and_stays_the_owners(
    key: Key, path: Path, cheap: Cost
) -> None:
    path.write_text("older")
    path.chmod(0o644)
    save(key, path, b"correct horse", cost=cheap)
    save(network_key(b"newer"), path, b"correct horse", cost=cheap)
    assert read(path, b"correct horse").secret.reveal() == b"newer"
    assert path.stat().st_mode & 0o777 == 0o600
    assert _names(path) == ["mine.amkey"]


def test_a_failed_saving_keeps_what_was_there(
    key: Key, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(key, path)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(NotWritten, match="could not be written"):
        save(network_key(b"newer"), path)
    assert read(path) == key
    assert _names(path) == ["mine.amkey"]


@pytest.mark.parametrize("links", [True, False])
def test_a_link_to_nowhere_is_not_followed(
    key: Key, path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(NotWritten, match="exists"):
        write(key, path)
    assert not (path.parent / "elsewhere").exists()


def test_a_failed_write_leaves_nothing_behind(
    key: Key, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(NotWritten, match=r"mine\.amkey: could not be written: No space left"):
        write(key, path)
    assert _names(path) == []


def test_a_missing_folder_is_told(key: Key, tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match=r"k: could not be written: No such file.*check the fold"):
        write(key, tmp_path / "nowhere" / "k")


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_info_tells_what_is_public(
    key: Key, path: Path, cheap: Cost, passphrase: bytes | None
) -> None:
    write(key, path, passphrase, cost=cheap)
    assert info(path) == KeyInfo(
        version=1,
        kind="sealed",
        fingerprint="4738-3801-1229-716a-9f5f",
        locked=passphrase is not None,
        created=key.created,
    )


def test_the_passphrase_is_changed_removed_and_set(
    key: Key, path: Path, cheap: Cost, quick_stretch: None
) -> None:
    write(key, path)
    for old, new in ((None, b"one"), (b"one", b"two"), (b"two", None)):
        change_passphrase(path, old, new, cost=cheap)
        assert read(path, new) == key
        with pytest.raises(WrongPassphrase):
            read(path, old)
        assert path.stat().st_mode & 0o777 == 0o600
    assert _names(path) == ["mine.amkey"]


def test_the_old_file_survives_whatever_fails(
    key: Key, path: Path, cheap: Cost, quick_stretch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(key, path, b"old", cost=cheap)
    before = path.read_bytes()
    with pytest.raises(WrongPassphrase):
        change_passphrase(path, b"wrong", b"new")
    with pytest.raises(UsageError, match="empty"):
        change_passphrase(path, b"old", b"")
    for broken, name in ((os, "fsync"), (Path, "replace"), (os, "open")):
        with monkeypatch.context() as patch:
            patch.setattr(broken, name, refuse)
            with pytest.raises(NotWritten, match="No space left"):
                change_passphrase(path, b"old", b"new")
    with monkeypatch.context() as patch:
        patch.setattr(file, "encode", lambda *anything: b"AMKEY")
        with pytest.raises(DamagedKey):
            change_passphrase(path, b"old", b"new")
    with monkeypatch.context() as patch:
        other = encode(network_key(b"other"), None, cheap)
        patch.setattr(file, "encode", lambda *anything: other)
        with pytest.raises(NotWritten, match="does not read back; the old one was kept"):
            change_passphrase(path, b"old", None)
    assert path.read_bytes() == before
    assert _names(path) == ["mine.amkey"]


def test_a_link_to_the_key_stays_a_link(key: Key, path: Path) -> None:
    folder = path.parent / "links"
    folder.mkdir()
    write(key, path)
    (folder / "link").symlink_to(path)
    before = path.stat().st_ino
    change_passphrase(folder / "link", None, None)
    assert (folder / "link").is_symlink()
    assert path.stat().st_ino != before
    assert read(path) == key


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for missing in (tmp_path / "nothing", tmp_path):
        for call in (read, info, passphrase_from_file):
            with pytest.raises(FileError, match=f"{missing.name}: cannot be read: .*check the"):
                call(missing)


def test_a_file_larger_than_any_key_is_not_taken_in(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with path.open("wb") as stream:
        stream.write(b"AMKEY\x01")
        stream.truncate(10**12)
    with pytest.raises(TooLarge, match="has more than 67109416 bytes"):
        info(path)


def test_other_files_raise_our_errors_only(path: Path) -> None:
    for content in (b"", b"AMKEY", b"AMKEY\x01\xff\xff{}", b"\0" * 1000):
        path.write_bytes(content)
        for call in (read, info):
            with pytest.raises(AnamorphError, match=r"mine\.amkey: is "):
                call(path)


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (b"correct horse", b"correct horse"),
        (b"correct horse\n", b"correct horse"),
        (b"correct horse\r\n", b"correct horse"),
        (b"correct horse\n\n", b"correct horse\n"),
        (b" spaces stay \t\n", b" spaces stay \t"),
        (b"return stays\r", b"return stays\r"),
        (b"\xff\x00\n", b"\xff\x00"),
    ],
)
def test_a_passphrase_file_loses_one_newline(
    tmp_path: Path, content: bytes, passphrase: bytes
) -> None:
    (tmp_path / "p").write_bytes(content)
    assert passphrase_from_file(tmp_path / "p") == passphrase


def test_a_passphrase_file_that_is_empty_or_huge_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\n", b"\r\n"):
        (tmp_path / "p").write_bytes(content)
        with pytest.raises(UsageError, match="p: is empty; write the passphrase"):
            passphrase_from_file(tmp_path / "p")
    (tmp_path / "p").write_bytes(bytes(4097))
    with pytest.raises(TooLarge, match="more than 4096 bytes"):
        passphrase_from_file(tmp_path / "p")


def _names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())
