"""What a worker has at hand, and where it computes."""

from pathlib import Path

import pytest
import torch

from anamorph.errors import UsageError
from anamorph.models.device import CPU
from anamorph.service.keyring import Keyring
from anamorph.service.settings import Settings
from anamorph.service.worker.roster import open_roster


def test_models_are_loaded_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = Settings(data=tmp_path, models={"it": "portraits:identity-depthwise"}, device="auto")
    roster = open_roster(settings, Keyring.new())
    assert roster.device == roster.models["it"].device == CPU
    with pytest.raises(UsageError, match="cuda was asked for, but this PyTorch"):
        open_roster(Settings(data=tmp_path, device="cuda"), Keyring.new())
