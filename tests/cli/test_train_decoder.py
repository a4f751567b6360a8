"""`anamorph train shadow` and `anamorph train attacker`."""

import json
from pathlib import Path
from typing import Any

from anamorph.app.train.shadow import read_decoder

QUICK = ("--updates", 2, "--batch", 2)


def test_a_shadow_and_an_attacker_are_trained(
    anamorph: Any, card: Any, photos: Path, tmp_path: Path
) -> None:
    shadow, attacker = tmp_path / "shadow.safetensors", tmp_path / "attacker.safetensors"
    ended = anamorph("train", "shadow", photos, "--recognizer", card(), "--out", shadow, *QUICK,
                     "--json", "-")  # fmt: skip
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert report["kind"] == read_decoder(shadow).design.kind == "deconvolution"
    assert report["parameters"]["updates"] == 2
    assert report["pictures"] == 5
    assert "new decoder" in ended.err
    ended = anamorph("train", "attacker", photos, "--recognizer", card(), "--out", attacker, *QUICK)
    assert ended.code == 0, ended.err
    assert read_decoder(attacker).design.kind == "unet"
    ended = anamorph("train", "attacker", photos, "--recognizer", card(), "--out",
                     tmp_path / "c", "--start", shadow, *QUICK)  # fmt: skip
    assert ended.code == 0, ended.err
    assert read_decoder(tmp_path / "c").design.kind == "deconvolution"
    ended = anamorph("train", "shadow", photos, "--recognizer", card(), "--out", shadow, *QUICK)
    assert ended.code == 2
    assert "is not overwritten" in ended.err


def test_a_kind_that_does_not_decode_maps_is_refused_in_one_line(
    anamorph: Any, card: Any, photos: Path, tmp_path: Path
) -> None:
    ended = anamorph("train", "shadow", photos, "--recognizer", card(), "--out",
                     tmp_path / "a", "--kind", "ridge")  # fmt: skip
    assert ended.code == 2
    assert "choose one of linear, deconvolution, residual, unet" in ended.err
