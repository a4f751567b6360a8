"""`anamorph train shadow` and `anamorph train attacker`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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
    assert (report["pictures"], report["tested"]) == (4, 1)
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


def test_a_tail_is_taught_and_says_what_it_brings(
    anamorph: Any, card: Any, photos: Path, tmp_path: Path
) -> None:
    shadow, tail = tmp_path / "shadow.safetensors", tmp_path / "tail.safetensors"
    anamorph("train", "shadow", photos, "--recognizer", card(), "--out", shadow, *QUICK)
    command = ("train", "tail", photos, "--recognizer", card(), "--shadow", shadow, "--out", tail)
    ended = anamorph(*command)
    assert ended.code == 2
    assert "are too few to learn from some and to judge by others" in ended.err
    pixels = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(photos / f"more{number}.png")
    ended = anamorph(*command, *QUICK, "--epsilon", 0.9, "--steps", 1, "--json", "-")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert (report["method"]["epsilon"], report["method"]["step_size"]) == (0.9, 0.55)
    assert report["parameters"]["updates"] == 2
    assert report["clean"]["cosine"] > report["before"]["cosine"]
    assert "protected, new" in ended.err
    assert anamorph(*command).code == 2


def test_a_kind_that_does_not_decode_maps_is_refused_in_one_line(
    anamorph: Any, card: Any, photos: Path, tmp_path: Path
) -> None:
    ended = anamorph("train", "shadow", photos, "--recognizer", card(), "--out",
                     tmp_path / "a", "--kind", "ridge")  # fmt: skip
    assert ended.code == 2
    assert "choose one of linear, deconvolution, residual, unet" in ended.err
