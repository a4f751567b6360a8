from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from anamorph.errors import CardError, ModelError
from anamorph.models import load

CODE = """
from torch import nn

def make(classes=3):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, classes))

def words():
    return "no network"

def fails():
    raise RuntimeError("first line\\nsecond line")
"""

WIDTH = """
from dataclasses import dataclass

@dataclass
class Width:
    channels: int
"""


def test_a_file_beside_the_card_is_run_with_the_cards_options(
    tmp_path: Path, write_card: Callable[..., Path]
) -> None:
    (tmp_path / "nets.py").write_text(CODE)
    model = load(write_card('source = "python:nets.py:make"', "options = { classes = 7 }"))
    assert model.output(torch.zeros(2, 3, 16, 16)).shape == (2, 7)


def test_a_module_of_a_package_is_imported(
    tmp_path: Path, write_card: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed_nets.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load(write_card('source = "python:installed_nets:make"')).name == "t"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nets.py:absent", "nets.py has no 'absent'"),
        ("nets.py:words", "returned a str; expected an nn.Module"),
        ("nets.py:fails", "failed with RuntimeError: first line$"),
        ("absent.py:make", "relative to its card"),
        ("absent_module:make", "failed with ModuleNotFoundError"),
    ],
)
def test_what_goes_wrong_in_the_users_code_is_told_in_one_line(
    tmp_path: Path, write_card: Callable[..., Path], source: str, says: str
) -> None:
    (tmp_path / "nets.py").write_text(CODE)
    with pytest.raises(ModelError, match=says) as caught:
        load(write_card(f'source = "python:{source}"'))
    assert "\n" not in str(caught.value)


def test_a_source_without_a_factory_is_refused(write_card: Callable[..., Path]) -> None:
    with pytest.raises(CardError, match=r"expected python:package.module:factory"):
        load(write_card('source = "python:nets.py"'))


def test_a_file_may_make_dataclasses_of_annotations_that_are_strings(
    tmp_path: Path, write_card: Callable[..., Path]
) -> None:
    (tmp_path / "nets.py").write_text(f"from __future__ import annotations\n{CODE}\n{WIDTH}")
    assert load(write_card('source = "python:nets.py:make"')).name


def test_a_file_that_fails_is_run_anew_the_next_time(
    tmp_path: Path, write_card: Callable[..., Path]
) -> None:
    (tmp_path / "nets.py").write_text("1 / 0")
    path = write_card('source = "python:nets.py:make"')
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        load(path)
    (tmp_path / "nets.py").write_text(CODE)
    assert load(path).name
