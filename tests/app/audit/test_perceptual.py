"""LPIPS in an audit, by a network and weights of the user's own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from anamorph.app.audit.perceptual import perceptual
from anamorph.app.audit.protected.audit import audit
from anamorph.app.images import as_images
from anamorph.app.protect.protect import protect
from anamorph.errors import UsageError, WeightsError
from anamorph.files.photo import Limits, read
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """For one layer of four channels, as the authors of LPIPS name them."""
    path = tmp_path / "lin.safetensors"
    save_file({"lin0.model.1.weight": torch.arange(1.0, 5.0).view(1, 4, 1, 1)}, path)
    return path


def test_the_median_is_in_the_audit(
    photos: Path, toy: Model, toy_of: Any, network: Any, card: Any, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "protected"
    protect([photos], out, toy, parameters=FMD(steps=2))

    found = audit(
        originals=photos, protected=out, authorized=toy, transforms=["none"],
        panel=[toy_of(network(5, 11), name="other")], lpips=(card(), weights),
    )  # fmt: skip

    measure = perceptual(card(), weights)
    apart = [
        measure(*(as_images(read(Path(file), Limits()).pixels) for file in pair))
        for pair in ((one.source, one.output) for one in found.images)
    ]
    wanted = float(torch.cat(apart).median())
    assert found.quality.lpips_median == pytest.approx(wanted, abs=1e-6)
    assert found.as_json()["quality"]["lpips_median"] == pytest.approx(wanted, abs=1e-6)
    assert wanted > 0


def test_what_does_not_fit_is_refused(card: Any, weights: Path, tmp_path: Path) -> None:
    save_file({"lin0.weight": torch.ones(1, 7, 1, 1)}, weights)
    with pytest.raises(UsageError, match=r"early has features .* but lin0\.weight has 7 weights"):
        perceptual(card(), weights)
    save_file({"lin0.weight": torch.ones(4), "lin1.weight": torch.ones(4)}, weights)
    with pytest.raises(UsageError, match="taps 1 layers, but there are weights for 2"):
        perceptual(card(), weights)
    other = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.ones(4)}, other)
    with pytest.raises(WeightsError, match="give the linear weights of LPIPS"):
        perceptual(card(), other)
