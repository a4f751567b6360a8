"""The recipe of the learned denoiser: it learns, it can be stopped, it says what does not pair."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from zoo.train_denoiser import Pair, Recipe, batches, fresh, main, pairs, train

from anamorph.adversaries.purify import purifier
from anamorph.errors import UsageError

Pixels = NDArray[np.uint8]

QUICK = Recipe(epochs=2, seed=0, sigma=0.05, side=16, batch=4, pieces=2)


@pytest.fixture
def known(crop: Callable[..., Pixels]) -> list[Pair]:
    photos = [crop(name, 48, 48) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    return [Pair(clean=photo, noisy=None) for photo in photos]


@pytest.fixture
def folders(tmp_path: Path, known: list[Pair]) -> tuple[Path, Path]:
    """Clean pictures, and the same with every second row 20 levels brighter."""
    clean, noisy = tmp_path / "clean", tmp_path / "noisy"
    clean.mkdir()
    noisy.mkdir()
    for number, pair in enumerate(known):
        pixels = np.minimum(pair.clean, 235)
        Image.fromarray(pixels).save(clean / f"{number}.png")
        pixels[::2] += 20
        Image.fromarray(pixels).save(noisy / f"{number}.webp", lossless=True)
    return clean, noisy


def test_at_first_nothing_is_taken_off() -> None:
    x = torch.linspace(0, 1, 3 * 64).view(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(fresh(0)(x), x)


def test_pieces_follow_from_seed_and_epoch_alone(known: list[Pair]) -> None:
    def pieces(seed: int, epoch: int) -> torch.Tensor:
        return torch.cat([clean for _, clean in batches(known, replace(QUICK, seed=seed), epoch)])

    assert torch.equal(pieces(0, 1), pieces(0, 1))
    assert not torch.equal(pieces(0, 1), pieces(0, 2))
    assert not torch.equal(pieces(0, 1), pieces(1, 1))
    assert pieces(0, 0).shape == (8, 3, 16, 16)


def test_noise_has_the_size_asked_for_and_pieces_lie_over_each_other(known: list[Pair]) -> None:
    grey = [Pair(clean=np.full((40, 40, 3), 128, np.uint8), noisy=None)] * 4
    noisy, clean = map(torch.cat, zip(*batches(grey, replace(QUICK, pieces=16), 0), strict=True))
    assert (noisy - clean).std().item() == pytest.approx(QUICK.sigma, rel=0.05)
    same = [Pair(clean=pair.clean, noisy=pair.clean) for pair in known]
    assert all(torch.equal(one, other) for one, other in batches(same, QUICK, 0))


def test_a_stopped_run_goes_on_to_the_same_weights(known: list[Pair], tmp_path: Path) -> None:
    whole = train(QUICK, known, tmp_path / "whole.pt").state_dict()

    class Stop(Exception):
        pass

    class Once(list[Pair]):
        """Pictures that are taken away in the second epoch."""

        looks = 0

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            self.looks += 1
            if self.looks > len(self) * QUICK.pieces:
                raise Stop
            return super().__getitem__(index)

    with pytest.raises(Stop):
        train(QUICK, Once(known), tmp_path / "parts.pt")
    parts = train(QUICK, known, tmp_path / "parts.pt").state_dict()
    assert all(torch.equal(weight, whole[name]) for name, weight in parts.items())


def test_a_run_with_other_pictures_begins_anew(known: list[Pair], tmp_path: Path) -> None:
    checkpoint = tmp_path / "state.pt"
    fewer = train(QUICK, known[:3], tmp_path / "fewer.pt").state_dict()
    train(QUICK, known, checkpoint)
    again = train(QUICK, known[:3], checkpoint).state_dict()
    assert all(torch.equal(weight, fewer[name]) for name, weight in again.items())


def test_the_weights_take_off_what_was_learned(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean, noisy = folders
    out = tmp_path / "denoiser.safetensors"
    order = ["--clean", str(clean), "--noisy", str(noisy), "--out", str(out)]
    assert main([*order, "--epochs", "5"]) == 0
    said = capsys.readouterr().out
    assert "epoch 5/5" in said
    assert "learned from 4 pictures" in said
    purify = purifier(f"learned:{out}")
    before, after = [], []
    for pair in pairs(clean, noisy, 48):
        assert pair.noisy is not None
        before.append(np.square(pair.noisy.astype(float) - pair.clean).mean())
        after.append(np.square(purify(pair.noisy).astype(float) - pair.clean).mean())
    assert np.mean(after) < 0.9 * np.mean(before)


def test_folders_that_do_not_pair_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="give folders of equal names"):
        pairs(folders[0], tmp_path / "empty", 16)


def test_pictures_too_small_to_cut_pieces_from_are_named(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="0: has less than 64 rows or columns"):
        pairs(*folders, 64)


def test_pictures_of_two_sizes_are_named(folders: tuple[Path, Path]) -> None:
    clean, noisy = folders
    Image.new("RGB", (50, 48)).save(noisy / "2.webp")
    with pytest.raises(UsageError, match="2: is of two sizes"):
        pairs(clean, noisy, 16)
