"""`anamorph audit shield` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Anamorph = Callable[..., Any]
MakeCard = Callable[..., Path]


@pytest.fixture
def embedding_card(card: MakeCard) -> Callable[[int], Path]:
    """A card of an embedding model, with weights of its own."""

    def write(seed: int) -> Path:
        path = card()
        network = path.with_name("network.py")
        other = path.with_name(f"network{seed}.py")
        other.write_text(network.read_text().replace("manual_seed(0)", f"manual_seed({seed})"))
        text = path.read_text().replace("network.py", other.name)
        text = text.replace('labels = ["ant", "bee", "cat"]', 'task = "embed"')
        text = text.replace("toy [bold]of[/bold] the tests", f"toy {seed}")
        made = path.with_name(f"embed{seed}.toml")
        made.write_text(text)
        return made

    return write


@pytest.fixture
def people(tmp_path: Path, crop: Callable[..., NDArray[np.uint8]]) -> Path:
    """Eight pictures, each of somebody."""
    folder = tmp_path / "people"
    folder.mkdir()
    for number in range(8):
        name = ("astronaut", "chelsea", "coffee", "rocket")[number % 4]
        at = 20 * (number // 4)
        pixels = crop(name, 60, 60)[at : at + 16, at : at + 16]
        Image.fromarray(pixels).save(folder / f"p{number}.png")
    return folder


@pytest.fixture
def audited(
    anamorph: Anamorph, embedding_card: Callable[[int], Path], people: Path, tmp_path: Path
) -> Anamorph:
    """Enrolls, shields by a key, then audits with what is given besides."""
    recognizer, judge = embedding_card(1), embedding_card(2)
    plain, key, store = tmp_path / "a.npz", tmp_path / "k.amkey", tmp_path / "store.npz"
    assert anamorph("key", "new", key, "--kind", "rotation").code == 0
    np.savez(plain, features=np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32),
             ids=np.array([f"p{i}" for i in range(8)]))  # fmt: skip
    made = anamorph("shield", plain, "--out", store, "--method", "keyed", "--key", key)
    assert made.code == 0, made.err

    def run(*arguments: object, store: object = store) -> Any:
        return anamorph(
            *("audit", "shield", "--store", store, "--pictures", people, "--plain", plain),
            *("--recognizer", recognizer, "--judge", judge, "--out", tmp_path / "report"),
            *("--updates", 1, "--learn", 2, "--inverted", 0),
            *arguments,
        )

    return run


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anamorph.app.audit.shielded.preparing.DRAWN", 4)


def test_reports_are_written_and_the_verdict_is_shown(audited: Anamorph, tmp_path: Path) -> None:
    ended = audited("--format", "html", "--format", "json", "--format", "md", "--json", "-",
                    "--key", tmp_path / "k.amkey")  # fmt: skip
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    report = tmp_path / "report"
    assert {p.name for p in report.iterdir()} == {"audit.json", "report.html", "report.md"}
    assert told == json.loads((report / "audit.json").read_text())
    assert told["audited"] == "shield"
    assert told["store"]["method"] == "keyed"
    assert "what attackers make of the records" in ended.err
    assert "4 records attacked" in ended.err
    assert "note: only 4 records could be attacked" in ended.err
    again = audited("--out", tmp_path / "another")
    assert again.code == 0, again.err
    assert "4 records attacked" in again.out


def test_a_picture_that_cannot_be_audited_is_named(audited: Anamorph, people: Path) -> None:
    (people / "p3.png").write_bytes(b"broken")
    ended = audited()
    assert ended.code == 1
    assert "not audited: " in ended.out
    assert "p3.png" in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--learn", "1"), "--learn"),
        (("--format", "pdf"), "--format"),
        (("--judge", "nowhere.toml"), "nowhere.toml"),
        (("--threshold", "2"), "--threshold"),
        (("--json", "nowhere/file.json"), "nowhere"),
        (("--decoder", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--method", "decoy"), "leave --method out"),
    ],
)
def test_wrong_arguments_are_told(audited: Anamorph, arguments: tuple[str, ...], says: str) -> None:
    ended = audited(*arguments)
    assert ended.code == 2, ended.out
    assert says in ended.err


def test_a_store_of_others_is_told_in_one_line(audited: Anamorph, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, features=np.ones((2, 3), np.float32), ids=np.array(["x", "y"]))
    ended = audited(store=other)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "no row is called like a picture" in ended.err
