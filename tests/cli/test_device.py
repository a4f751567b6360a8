"""`--device`, on every command that loads a model."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch

from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.models.networks import generator, stranger

Anamorph = Callable[..., Any]

MODEL = "portraits:identity-depthwise"
OTHER = "portraits:identity-vgg"

COMMANDS = {
    "protect": "protect {photos} --out {out} --authorized MODEL",
    "protect to a URL": "protect {photos} --out file://{out} --authorized MODEL",
    "hide": "hide {photos} --out {out} --service MODEL --key {key}",
    "reveal": "reveal {photos} --out {out} --key {key} --service MODEL",
    "reveal with a network": "reveal {photos} --out {out} --key {network}",
    "shield": "shield {photos} --out {out}.npz --recognizer MODEL --method decoy",
    "templates enroll": "templates enroll {photos} --store {table} --recognizer MODEL",
    "templates identify": "templates identify {photos} --store {table} --recognizer MODEL",
    "audit protect": "audit protect --originals {photos} --protected {copies} --out {out} "
    "--authorized MODEL --panel OTHER",
    "audit compare": "audit compare {photos} --out {out} --authorized MODEL --panel OTHER",
    "audit shield": "audit shield --store {photos}/a.npy --pictures {photos} --out {out} "
    "--recognizer MODEL --judge OTHER",
    "train key": "train key --out {out}",
    "train shadow": "train shadow {photos} --out {out} --recognizer MODEL",
    "train attacker": "train attacker {photos} --out {out} --recognizer MODEL",
    "train tail": "train tail {photos} --out {out} --recognizer MODEL --shadow {photos}",
    "models check": "models check MODEL",
    "models layers": "models layers MODEL",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_gpu_that_is_not_there_is_refused(
    name: str, anamorph: Anamorph, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    names = ("out", "copies", "key", "network")
    places = {"photos": photos, **{name: tmp_path / name for name in names}}
    places["table"] = tmp_path / "table.npy"
    np.save(places["table"], np.eye(3, 16, dtype=np.float32))
    copytree(photos, places["copies"])
    key_file.write(keys.new("sealed"), places["key"])
    network = generator.dump(stranger.network())
    key_file.write(keys.network_key(network), places["network"])
    words = COMMANDS[name].format(**places).replace("MODEL", MODEL).replace("OTHER", OTHER)
    ended = anamorph(*words.split(), "--device", "cuda")
    assert ended.code == 2
    assert "cuda was asked for, but this PyTorch" in " ".join(ended.err.split())
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_a_matrix_tells_it_of_every_model(
    anamorph: Anamorph, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    models = ("--models", MODEL, "--models", OTHER)
    ended = anamorph(
        "audit", "matrix", photos, *models, "--out", tmp_path / "o", "--device", "cuda"
    )
    assert ended.code == 1
    assert "cuda was asked for, but this PyTorch" in " ".join(ended.out.split())


def test_an_audit_of_hidden_pictures_asks_for_it(
    anamorph: Anamorph, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    key_file.write(keys.new("permuted"), tmp_path / "key")
    both = ("--service", MODEL, "--key", tmp_path / "key")
    hidden = tmp_path / "hidden"
    assert anamorph("hide", photos / "more", "--out", hidden, *both, "--preset", "fast").code == 0
    where = ("--originals", photos / "more", "--hidden", hidden, "--out", tmp_path / "report")
    ended = anamorph("audit", "hide", *where, *both, "--device", "cuda")
    assert ended.code == 2
    assert "cuda was asked for, but this PyTorch" in " ".join(ended.err.split())


def test_auto_is_the_cpu_where_there_is_no_gpu(
    anamorph: Anamorph, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    command = ("protect", photos / "coffee.png", "--authorized", MODEL, "--steps", 1)
    assert anamorph(*command, "--out", tmp_path / "a", "--device", "auto").code == 0
    assert anamorph(*command, "--out", tmp_path / "b").code == 0
    made = [(tmp_path / name / "coffee.png").read_bytes() for name in ("a", "b")]
    assert made[0] == made[1]
