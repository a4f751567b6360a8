"""Factories for the benchmark networks that no library builds exactly as they were trained."""

import json
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from anamorph.models.torchvision_compat import make_torchvision_importable

HERE = Path(__file__).parent
ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "relu6": nn.ReLU6}


def mobilenet_edgetpu_100() -> nn.Module:
    """MobileNet EdgeTPU as Google trained it: its first block has no activation."""
    make_torchvision_importable()
    import timm

    network: Any = timm.create_model("mobilenet_edgetpu_100", pad_type="same")
    network.blocks[0][0].bn1.act = nn.Identity()
    return _module(network)


def mobilenetv1_075() -> nn.Module:
    """MobileNetV1 of width 0.75."""
    make_torchvision_importable()
    from timm.models.efficientnet import _gen_mobilenet_v1

    return _module(_gen_mobilenet_v1("mobilenetv1_100", 0.75, pad_type="same"))


def layer_table(table: str) -> nn.Module:
    """The network that a layer table (a JSON file, relative to this folder) describes."""
    return LayerTable(json.loads((HERE / table).read_text(encoding="utf-8"))["layers"])


def _module(network: Any) -> nn.Module:
    if not isinstance(network, nn.Module):
        raise TypeError(f"timm built a {type(network).__name__}")
    return network


class LayerTable(nn.Module):
    """Runs a list of layers on one tensor; `save` and `add` make the shortcuts."""

    def __init__(self, layers: list[dict[str, Any]]) -> None:
        super().__init__()
        self.steps = layers
        for step in layers:
            if step["op"] == "conv":
                self.add_module(step["name"], Convolution(step))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, h, w) to embeddings (n, k)."""
        saved: dict[str, Tensor] = {}
        for step in self.steps:
            match step["op"]:
                case "conv":
                    x = self.get_submodule(step["name"])(x)
                case "save":
                    saved[step["slot"]] = x
                case "add":
                    x = x + saved.pop(step["slot"])
                case "gap":
                    x = x.mean((2, 3), keepdim=True)
                case "flatten":
                    x = x.flatten(1)
                case other:
                    raise ValueError(f"no layer {other!r} is known")
        return x


class Convolution(nn.Conv2d):
    """A convolution with its own padding on each side and its activation."""

    def __init__(self, step: dict[str, Any]) -> None:
        super().__init__(
            step["cin"], step["cout"], step["kernel"], stride=step["stride"], groups=step["groups"]
        )
        top, bottom, left, right = step["pad"]
        self.around = (left, right, top, bottom)
        self.activation = ACTIVATIONS[step["act"]]()

    def forward(self, x: Tensor) -> Tensor:
        """Pad, convolve, activate."""
        out: Tensor = self.activation(super().forward(F.pad(x, self.around)))
        return out
