"""Networks that had no part: found by shape and order, or said to be absent."""

from pathlib import Path

import pytest
import torch
from benchmarks.rival import Absent

from benchmarks import lite, unseen


def test_layers_are_renamed_in_their_order() -> None:
    held = {"_conv_stem.weight": torch.ones(2, 3), "_bn0.bias": torch.zeros(2)}
    wanted = {"conv_stem.weight": torch.empty(2, 3), "bn1.bias": torch.empty(2)}
    renamed = lite._renamed(held, wanted)
    assert list(renamed) == list(wanted)
    assert torch.equal(renamed["conv_stem.weight"], held["_conv_stem.weight"])


def test_layers_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(Absent, match=r"_bn0.bias \(2,\) is not bn1.bias \(3,\)"):
        lite._renamed({"_bn0.bias": torch.zeros(2)}, {"bn1.bias": torch.zeros(3)})


def test_without_photos_it_says_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unseen.main(["--data", str(tmp_path), "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("unseen: skipped, the real photos")
    assert not (tmp_path / "unseen.json").exists()


def test_half_of_the_budget_is_taken_in_steps_of_half_the_size() -> None:
    way = unseen.WAYS["strong, epsilon 8, shrink 0.92, three surrogates"]
    assert way.parameters.epsilon * 255 == pytest.approx(8)
    assert way.parameters.step_size * 255 == pytest.approx(2)
    assert len(way.surrogates) == 3
