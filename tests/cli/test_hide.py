"""`anamorph hide` and `anamorph reveal`: what goes in comes back, and what fails is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.lock import Cost

Card = Callable[..., Path]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "a.amkey"
    key_file.write(keys.new("sealed"), path)
    return path


def test_photos_are_hidden_and_revealed_and_both_say_so(
    anamorph: Any, card: Card, photos: Path, tmp_path: Path, key: Path
) -> None:
    told = tmp_path / "hide.json"
    service = ("--service", card())
    ended = anamorph("hide", photos, "--out", tmp_path / "out", *service, "--key", key,
                     "--preset", "fast", "--json", told)  # fmt: skip
    assert ended.code == 0, ended.err
    assert "5 hidden, 0 done before, 0 failed" in ended.out
    assert "keep a copy" in ended.out
    report = json.loads(told.read_text())
    assert report["method"] == "sealed"
    assert report["summary"]["hidden"] == 5
    secret = key_file.read(key).secret.reveal().hex()
    assert secret not in told.read_text() + ended.out + ended.err
    ended = anamorph("reveal", tmp_path / "out", "--out", tmp_path / "back", "--key", key,
                     *service, "--json", "-")  # fmt: skip
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["summary"]["exact"] == 5
    assert (tmp_path / "back/more/cup.png").read_bytes() == (photos / "more/cup.png").read_bytes()


def test_another_key_fails_every_picture_and_the_exit_status_says_so(
    anamorph: Any, card: Card, photos: Path, tmp_path: Path, key: Path
) -> None:
    source = photos / "rocket.png"
    anamorph("hide", source, "--out", tmp_path / "out", "--service", card(), "--key", key,
             "--preset", "fast")  # fmt: skip
    key_file.write(keys.new("sealed"), tmp_path / "b.amkey")
    ended = anamorph(
        "reveal", tmp_path / "out", "--out", tmp_path / "back", "--key", tmp_path / "b.amkey"
    )
    assert ended.code == 1
    assert "0 revealed, 0 there already, 1 failed" in ended.out
    assert key_file.read(key).fingerprint[:9] in ended.out


def test_a_locked_key_needs_its_passphrase_before_anything_else(
    anamorph: Any, card: Card, photos: Path, tmp_path: Path
) -> None:
    path, words = tmp_path / "locked.amkey", tmp_path / "words.txt"
    cheap = Cost(memory_kib=2**13, passes=1, lanes=1)
    key_file.write(keys.new("sealed"), path, b"open sesame", cost=cheap)
    command = ("hide", photos / "rocket.png", "--out", tmp_path / "out", "--service", card(),
               "--preset", "fast", "--key", path)  # fmt: skip
    ended = anamorph(*command)
    assert ended.code == 2
    assert "--passphrase-file" in ended.err
    assert not (tmp_path / "out").exists()
    words.write_bytes(b"wrong")
    assert "passphrase is wrong" in anamorph(*command, "--passphrase-file", words).err
    words.write_bytes(b"open sesame")
    assert anamorph(*command, "--passphrase-file", words).code == 0


@pytest.mark.parametrize("command", ["hide", "reveal"])
def test_a_key_that_is_missing_or_of_another_kind_is_refused_in_one_line(
    anamorph: Any, photos: Path, tmp_path: Path, card: Card, command: str
) -> None:
    key_file.write(keys.new("rotation"), tmp_path / "r.amkey")
    service = ("--service", card()) if command == "hide" else ()
    for name, said in (("missing.amkey", "cannot be read"), ("r.amkey", "rotation key")):
        ended = anamorph(
            command, photos, "--out", tmp_path / "out", "--key", tmp_path / name, *service
        )
        assert ended.code == 2
        assert said in ended.err
        assert ended.err.count("\n") == 1
