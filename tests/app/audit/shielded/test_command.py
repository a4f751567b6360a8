"""The command of a report asks for the same again, and names no secret."""

from dataclasses import replace
from pathlib import Path

import pytest

from anamorph.app.audit.shielded.command import AskedShield
from anamorph.app.shield.stores import Place
from anamorph.templates.address import address


@pytest.fixture
def asked() -> AskedShield:
    return AskedShield(
        store=Place(where=Path("my store.npz")),
        pictures=Path("faces"),
        recognizer="matcher.toml",
        judge="judge.toml",
        layer=None,
        known=None,
        decoders=(),
        learn=(),
        updates=10,
        method=None,
        preset="fast",
        shadows=(),
        decoys=None,
        tail=None,
        key=False,
        plain=None,
        probes=None,
        threshold=None,
        attacked=100,
        inverted=8,
        out=None,
        seed=3,
        formats=("html",),
    )


def test_what_was_not_asked_for_is_not_said(asked: AskedShield) -> None:
    assert asked.command == (
        "anamorph audit shield --store 'my store.npz' --pictures faces --recognizer matcher.toml "
        "--judge judge.toml --preset fast --updates 10 --attacked 100 --inverted 8 --seed 3 "
        "--format html --out OUT"
    )


def test_all_that_was_asked_for_is_said_but_for_secrets(asked: AskedShield) -> None:
    where = Place(
        where=address("postgresql://app:hunter2@db/faces"), table="t", column="c", id="name"
    )
    command = replace(
        asked,
        store=where,
        layer="early",
        known=Path("strangers"),
        probes=Path("others"),
        plain=Path("plain.npz"),
        decoys=Path("decoys"),
        tail=Path("tail.safetensors"),
        decoders=[Path("a"), Path("b")],
        shadows=[Path("s")],
        learn=(10, 20),
        method="keyed",
        key=True,
        threshold=0.36,
        out=Path("report"),
    ).command
    for part in (
        "--table t --column c --id name --layer early",
        "--known strangers --probes others --plain plain.npz --decoys decoys",
        "--tail tail.safetensors",
        "--method keyed --preset fast --decoder a --decoder b --shadow s --key KEY",
        "--learn 10 --learn 20 --threshold 0.36",
        "--out report",
    ):
        assert part in command
    assert "hunter2" not in command
