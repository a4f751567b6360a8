"""`anamorph key`: made once, locked and unlocked, and its secret told by nobody."""

import json
import stat
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from anamorph.cli import anamorph as group
from anamorph.cli import passphrase as asking
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.lock import Cost

CHEAP = Cost(memory_kib=2**13, passes=1, lanes=1)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "locked.amkey"
    key_file.write(keys.new("sealed"), path, b"open sesame", cost=CHEAP)
    return path


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("open sesame\n")
    return path


@pytest.mark.parametrize("kind", ["sealed", "permuted"])
def test_a_new_key_is_there_and_says_what_losing_it_means(
    anamorph: Any, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "a.amkey"
    ended = anamorph("key", "new", path, "--kind", kind)
    key = key_file.read(path)
    assert ended.code == 0
    assert key.kind == kind
    assert key.fingerprint in ended.out
    assert "every picture hidden with it is lost" in ended.out
    assert "passwd" in ended.out
    assert key.secret.reveal().hex() not in ended.out + ended.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(anamorph: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.amkey"
    anamorph("key", "new", path)
    before = path.read_bytes()
    ended = anamorph("key", "new", path)
    assert ended.code == 2
    assert "no key is overwritten" in ended.err
    assert path.read_bytes() == before


def test_a_key_is_locked_with_the_passphrase_of_a_file(
    anamorph: Any, tmp_path: Path, words: Path
) -> None:
    path = tmp_path / "a.amkey"
    ended = anamorph("key", "new", path, "--passphrase-file", words, "--json", "-")
    told = json.loads(ended.out)
    assert told["locked"] is True
    assert told["fingerprint"] == key_file.read(path, b"open sesame").fingerprint
    assert sorted(told) == ["created", "file", "fingerprint", "kind", "locked", "version"]


def test_the_passphrase_is_no_option_and_no_argument() -> None:
    command = group.get_command(click.Context(group), "key")
    assert isinstance(command, click.Group)
    names = {opt for sub in command.commands.values() for p in sub.params for opt in p.opts}
    assert {name for name in names if "pass" in name} == {
        "--passphrase-file",
        "--new-passphrase-file",
    }


def test_info_needs_no_passphrase(anamorph: Any, locked: Path) -> None:
    ended = anamorph("key", "info", locked)
    assert ended.code == 0
    assert key_file.info(locked).fingerprint in ended.out
    assert "with a passphrase" in ended.out


def test_what_is_no_key_is_refused_in_one_line(anamorph: Any, tmp_path: Path) -> None:
    (tmp_path / "a.amkey").write_bytes(b"no key")
    for arguments in (("info", tmp_path / "a.amkey"), ("info", tmp_path / "missing.amkey")):
        ended = anamorph("key", *arguments)
        assert ended.code == 2
        assert ended.err.count("\n") == 1
        assert str(arguments[1]) in ended.err


def test_a_passphrase_is_changed_and_taken_off(
    anamorph: Any, locked: Path, words: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.txt"
    new.write_bytes(b"another")
    key = key_file.read(locked, b"open sesame")
    arguments = ("key", "passwd", locked, "--passphrase-file")
    assert anamorph(*arguments, words, "--new-passphrase-file", new).code == 0
    assert key_file.read(locked, b"another") == key
    assert anamorph(*arguments, new, "--unlock").code == 0
    assert key_file.read(locked) == key


def test_a_wrong_passphrase_changes_nothing_and_has_one_message(
    anamorph: Any, locked: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_bytes(b"open barley")
    before = locked.read_bytes()
    ended = anamorph("key", "passwd", locked, "--passphrase-file", wrong, "--unlock")
    assert ended.code == 2
    assert "the passphrase is wrong or the file is damaged" in ended.err
    assert "barley" not in ended.err
    assert locked.read_bytes() == before


def test_without_a_terminal_nothing_is_asked(anamorph: Any, locked: Path, words: Path) -> None:
    ended = anamorph("key", "passwd", locked)
    assert ended.code == 2
    assert "--passphrase-file" in ended.err
    ended = anamorph("key", "passwd", locked, "--passphrase-file", words)
    assert ended.code == 2
    assert "--new-passphrase-file" in ended.err
    both = ("--new-passphrase-file", words, "--unlock")
    assert "leave --new-passphrase-file out" in anamorph("key", "passwd", locked, *both).err


def test_a_terminal_is_asked_and_shows_nothing(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(asking, "sys", type("sys", (), {"stdin": Terminal()}))
    key = key_file.read(locked, b"open sesame")
    typed = "open sesame\nnew w\u00f6rds\nnew w\u00f6rds\n"
    result = CliRunner().invoke(group, ["key", "passwd", str(locked)], input=typed)
    assert result.exit_code == 0, result.output
    assert "sesame" not in result.output
    assert key_file.read(locked, "new w\u00f6rds".encode()) == key
