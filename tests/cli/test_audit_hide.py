"""`anamorph audit hide` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anamorph.adversaries.hidden import ATTACKERS, by_mean

Anamorph = Callable[..., Any]
MakeCard = Callable[..., Path]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ATTACKERS, "convolutional", by_mean)  # training takes its time


@pytest.fixture
def audited(anamorph: Anamorph, card: MakeCard, photos: Path, tmp_path: Path) -> Anamorph:
    """Hides, then audits with what is given besides."""
    model, key, out = card(), tmp_path / "mine.amkey", tmp_path / "hidden"
    assert anamorph("key", "new", key).code == 0
    made = anamorph("hide", photos, "--out", out, "--service", model, "--key", key)
    assert made.code == 0, made.err

    def run(*arguments: object, key: object = key, hidden: object = out) -> Any:
        return anamorph(
            *("audit", "hide", "--originals", photos, "--hidden", hidden),
            *("--service", model, "--key", key, "--out", tmp_path / "report"),
            *("--pairs", 2, "--inverted", 0),
            *arguments,
        )

    return run


def test_reports_are_written_and_the_verdict_is_shown(audited: Anamorph, tmp_path: Path) -> None:
    ended = audited("--format", "html", "--format", "json", "--format", "md", "--json", "-")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    report = tmp_path / "report"
    assert {p.name for p in report.iterdir()} == {"audit.json", "report.html", "report.md"}
    assert told == json.loads((report / "audit.json").read_text())
    assert told["audited"] == "hide"
    assert told["kinds"][0]["wrong_keys"]["refused"]["value"] == 1.0
    assert "This stops nobody who has toy [bold]of[/bold] the tests" in ended.err
    assert "sealed: spoiled files" in ended.err
    assert "5 pictures audited" in ended.err


def test_a_picture_that_cannot_be_audited_is_named(audited: Anamorph, tmp_path: Path) -> None:
    (tmp_path / "hidden" / "chelsea.png").write_bytes(b"broken")
    ended = audited()
    assert ended.code == 1
    assert "not audited: " in ended.out
    assert "chelsea.png" in ended.out


def test_the_wrong_key_is_told_in_one_line(
    audited: Anamorph, anamorph: Anamorph, tmp_path: Path
) -> None:
    anamorph("key", "new", tmp_path / "other.amkey")
    ended = audited(key=tmp_path / "other.amkey")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "hides none of these pictures: they were hidden with" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--pairs", "1"), "--pairs"),
        (("--format", "pdf"), "--format"),
        (("--judge", "nowhere.toml"), "nowhere.toml"),
        (("--json", "nowhere/file.json"), "nowhere"),
    ],
)
def test_wrong_arguments_are_told(audited: Anamorph, arguments: tuple[str, ...], says: str) -> None:
    ended = audited(*arguments)
    assert ended.code == 2
    assert says in ended.err


def test_folders_that_do_not_pair_are_named(audited: Anamorph, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = audited(hidden=tmp_path / "empty")
    assert ended.code == 2
    assert "no pictures there" in ended.err
