import importlib.util
import sys

import pytest

from anamorph.errors import MissingExtra
from anamorph.models.torchvision_compat import make_torchvision_importable


def test_torchvision_can_be_imported_and_its_networks_run() -> None:
    make_torchvision_importable()
    from torchvision import models

    assert "squeezenet1_1" in models.list_models()


def test_calling_it_again_changes_nothing() -> None:
    make_torchvision_importable()
    before = sys.modules["torchvision"]
    make_torchvision_importable()
    assert sys.modules["torchvision"] is before


def test_where_it_is_not_installed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'anamorph\[zoo\]'"):
        make_torchvision_importable()


def test_one_that_stays_broken_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr("anamorph.models.torchvision_compat._forget_torchvision", lambda: None)
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(MissingExtra, match="does not fit torch") as caught:
        make_torchvision_importable()
    assert "\n" not in str(caught.value)
