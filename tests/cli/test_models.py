"""`anamorph models` and `anamorph demo` from the command line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anamorph.models.card import KINDS

Anamorph = Callable[..., Any]
MakeCard = Callable[..., Path]


def test_models_are_listed(anamorph: Anamorph) -> None:
    ended = anamorph("models", "list", "--json", "-")
    assert ended.code == 0
    specs = [model["spec"] for model in json.loads(ended.out)["models"]]
    assert specs
    assert all(spec in ended.err for spec in specs)


def test_every_kind_of_source_is_told(anamorph: Anamorph) -> None:
    said = anamorph("models", "list").out
    assert [kind for kind in KINDS if f"{kind}:" not in said] == []


def test_the_numbers_of_an_embedding_have_no_names(anamorph: Anamorph, card: MakeCard) -> None:
    classifier = card()
    assert "3, 3 with a name" in anamorph("models", "check", classifier).out
    embedder = classifier.with_name("embedder.toml")
    labels = 'labels = ["ant", "bee", "cat"]'
    embedder.write_text(classifier.read_text().replace(labels, 'task = "embed"'))
    said = anamorph("models", "check", embedder).out
    assert re.search(r"task +│ embed", said), said
    assert "with a name" not in said


def test_a_model_is_checked(anamorph: Anamorph, card: MakeCard) -> None:
    ended = anamorph("models", "check", card(), "--json", "-")
    assert ended.code == 0
    found = json.loads(ended.out)
    assert (found["outputs"], found["labels"], found["size"]) == (3, 3, [16, 16])
    assert found["parameters"] == 4 * 27 + 3 * 196
    assert found["taps"] == ["early"]
    assert len(found["sha256"]) == len(found["weights_sha256"]) == 64
    assert "toy [bold]of[/bold] the tests works" in ended.err


def test_layers_are_ranked(anamorph: Anamorph, card: MakeCard, photos: Path) -> None:
    ended = anamorph("models", "layers", card(), photos, "--count", "2", "--json", "-")
    assert ended.code == 0
    assert [layer["layer"] for layer in json.loads(ended.out)["layers"]] == ["early"]
    assert 'tap = ["early"]' in ended.err


def test_a_demo_wants_an_empty_folder(anamorph: Anamorph, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"mine")
    ended = anamorph("demo", "--out", tmp_path)
    assert ended.code == 2
    assert "is not empty" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_demo_wants_no_file(anamorph: Anamorph, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = anamorph("demo", "--out", tmp_path / "file")
    assert (ended.code, ended.out) == (2, "")
    assert "is a file; choose a folder for --out" in " ".join(ended.err.split())


@pytest.mark.parametrize("command", [("demo",), ("models", "check", "portraits:identity-vgg")])
def test_a_place_for_json_that_is_not_there_is_refused_before_the_work(
    command: tuple[str, ...], anamorph: Anamorph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = anamorph(*command, "--json", "nowhere/a.json")
    assert ended.code == 2
    assert "its folder does not exist; make it" in " ".join(ended.err.split())
    assert list(tmp_path.iterdir()) == []


def test_the_demo_shows_who_still_reads_and_who_does_not(
    anamorph: Anamorph, tmp_path: Path
) -> None:
    ended = anamorph("demo", "--out", tmp_path / "demo", "--json", "-")
    assert ended.code == 0
    made = json.loads(ended.out)
    own, surrogate, *others = made["readings"]
    assert (own["role"], surrogate["role"]) == ("authorized", "surrogate")
    assert own["protected"] == own["clean"] > 0.9
    assert len(others) == 4
    assert all(other["role"] == "unauthorized" for other in others)
    assert sum(o["protected"] for o in others) < sum(o["clean"] for o in others) / 2
    assert made["hide"]["summary"]["service_kept"] == 1
    plain, moved, adapted, decoy = made["shield"]
    assert [t["stored"] for t in made["shield"]] == ["plain", "advface", "advface", "decoy"]
    assert decoy["ssim"] < moved["ssim"] < plain["ssim"]
    assert adapted["ssim"] > moved["ssim"]
    assert decoy["named"] < 0.5 < plain["named"]
    assert all(t["found"] > 0.8 for t in made["shield"])
    originals, back = (
        {f.name: f.read_bytes() for f in (tmp_path / "demo" / d).iterdir()}
        for d in ("originals", "revealed")
    )
    assert back.items() <= originals.items()
    assert len(back) == made["hide"]["summary"]["hidden"] == 3
    page = Path(made["page"]).read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "the page loads from elsewhere"
    stolen = 3 * (1 + len(made["shield"]))
    assert page.count("data:image/png;base64,") == stolen + 3 * (
        made["protect"]["summary"]["protected"] + made["hide"]["summary"]["hidden"]
    )
