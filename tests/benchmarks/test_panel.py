from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.noise import CONTROLS, write_noisy
from benchmarks.panel import Pair, accuracy, quality, right
from PIL import Image
from torch import Tensor, nn

from anamorph.models import Model, wrap


class Brightness(nn.Module):
    """Answers 1 for pictures brighter than a threshold, else 0."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, x: Tensor) -> Tensor:
        bright = x.mean((1, 2, 3))
        return torch.stack([self.threshold - bright, bright - self.threshold], dim=1)


def model(name: str, threshold: float) -> Model:
    return wrap(Brightness(threshold), name=name, size=(8, 8), mean=(0,) * 3, std=(1,) * 3)


def save(path: Path, level: int) -> Path:
    Image.new("RGB", (8, 8), (level,) * 3).save(path)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """Dark, middling and bright photos; protection makes each darker by 50 levels."""
    return [
        Pair(
            source=save(tmp_path / f"{level}.png", level),
            output=save(tmp_path / f"{level}-out.png", level - 50),
            label=1,
        )
        for level in (60, 140, 220)
    ]


def test_models_are_right_where_they_answer_the_label(pairs: list[Pair]) -> None:
    models = [model("low", 0.1), model("high", 0.5)]
    found = right(models, [(pair.source, pair.label) for pair in pairs])
    assert found.tolist() == [[True, False], [True, True], [True, True]]


def test_kept_counts_only_what_was_right_when_clean(pairs: list[Pair]) -> None:
    found = accuracy([model("low", 0.1)], [model("half", 0.5), model("low", 0.1)], pairs, seed=0)
    half, low = found["panel"]
    assert half["clean"]["share"] == pytest.approx(2 / 3, abs=1e-4)
    assert half["kept"] == {"share": 0.5, "n": 2, "interval": [0.0945, 0.9055]}
    assert low["kept"]["share"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["authorized"] == low
    assert found["panel_kept_mean"]["share"] == pytest.approx((1 / 2 + 2 / 3) / 2, abs=1e-4)


def test_quality_is_measured_on_the_files(pairs: list[Pair]) -> None:
    found = quality(pairs)
    assert found["linf_max"] == pytest.approx(50, abs=1e-3)
    assert found["psnr_mean"] == pytest.approx(20 * np.log10(255 / 50), abs=1e-3)


@pytest.mark.parametrize("name", CONTROLS)
def test_noise_keeps_within_its_levels_and_follows_from_the_seed(tmp_path: Path, name: str) -> None:
    source = save(tmp_path / "x.png", 100)
    outputs = [tmp_path / f"{i}.png" for i in range(3)]
    for output, seed in zip(outputs, (0, 0, 1), strict=True):
        write_noisy(source, output, CONTROLS[name], levels=16, seed=seed)
    first, same, other = (np.asarray(Image.open(output)).astype(int) for output in outputs)
    assert abs(first - 100).max() == 16
    assert (first == same).all()
    assert (first != other).any()


def test_sign_noise_moves_every_value_all_the_way(tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    write_noisy(save(tmp_path / "x.png", 100), output, CONTROLS["sign noise"], levels=16, seed=0)
    assert set(np.asarray(Image.open(output)).ravel().tolist()) == {84, 116}
