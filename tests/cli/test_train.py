"""`anamorph train key`, and what its keys are used for."""

import json
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.train import key as training
from anamorph.keys import file as key_file


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SIDE", 32)


def test_a_key_is_trained_and_says_what_losing_it_means(
    anamorph: Any, photos: Path, tmp_path: Path
) -> None:
    path, words = tmp_path / "mine.amkey", tmp_path / "words.txt"
    words.write_text("open sesame\n")
    command = ("train", "key", "--out", path, "--pictures", photos, "--steps", 2)
    ended = anamorph(*command, "--passphrase-file", words, "--json", "-")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert report["fingerprint"] == key_file.info(path).fingerprint
    assert report["parameters"]["updates"] == 2
    assert "every picture hidden with it is lost" in ended.err
    secret = key_file.read(path, b"open sesame").secret.reveal()
    assert secret[-16:].hex() not in ended.out + ended.err
    ended = anamorph(*command)
    assert ended.code == 2
    assert "is not overwritten" in ended.err
    ended = anamorph("key", "info", path)
    assert "network" in ended.out
    assert report["fingerprint"] in ended.out
    ended = anamorph("key", "passwd", path, "--passphrase-file", words, "--unlock")
    assert ended.code == 0, ended.err
    assert key_file.read(path).secret.reveal() == secret


def test_a_network_key_is_not_drawn(anamorph: Any, tmp_path: Path) -> None:
    ended = anamorph("key", "new", tmp_path / "a.amkey", "--kind", "network")
    assert ended.code == 2
    assert "use `anamorph train key`" in ended.err
    assert not (tmp_path / "a.amkey").exists()


def test_hide_warns_of_network_keys_in_one_line(
    anamorph: Any, card: Any, photos: Path, tmp_path: Path
) -> None:
    key = tmp_path / "mine.amkey"
    anamorph("train", "key", "--out", key, "--pictures", photos, "--steps", 60)
    told = tmp_path / "told.json"
    ended = anamorph("hide", photos / "coffee.png", "--out", tmp_path / "out", "--service", card(),
                     "--key", key, "--preset", "fast", "--json", told)  # fmt: skip
    assert "warning: network keys are known to be weak" in ended.err
    assert "known to be weak" in json.loads(told.read_text())["weakness"]
    assert ended.code == 0, ended.out
    assert "a network that anybody could train reveals them" in ended.out
    ended = anamorph("reveal", tmp_path / "out", "--out", tmp_path / "back", "--key", key)
    assert ended.code == 0, ended.out
    assert (tmp_path / "back" / "coffee.png").exists()


def test_a_preset_of_network_keys_is_not_one_of_sealed_keys(
    anamorph: Any, card: Any, photos: Path, tmp_path: Path
) -> None:
    anamorph("key", "new", tmp_path / "a.amkey")
    ended = anamorph("hide", photos, "--out", tmp_path / "out", "--service", card(), "--key",
                     tmp_path / "a.amkey", "--preset", "paper")  # fmt: skip
    assert ended.code == 2
    assert "preset is 'paper', but must be one of full, fast" in ended.err
