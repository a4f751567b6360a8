"""Tiny networks and ONNX files, cards written on the spot, and where the real models are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import skimage.data
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

WriteCard = Callable[..., Path]


class Block(nn.Module):
    """A residual block, so that there is something to tap that is not a leaf."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.act(self.conv(x))
        return x + added


class Tiny(nn.Module):
    """A classifier of a few hundred weights with the usual parts."""

    def __init__(self, classes: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 6, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.blocks = nn.Sequential(*(Block(6) for _ in range(4)))
        self.head = nn.Linear(6, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.bn(self.stem(x)))
        out: Tensor = self.head(features.mean((2, 3)))
        return out


@pytest.fixture
def tiny() -> Tiny:
    """Fixed weights without the global generator."""
    network = Tiny()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return network


@pytest.fixture
def write_card(tmp_path: Path) -> WriteCard:
    """Writes a card for pictures of 16 x 16, with these lines above its [input]."""

    def write(*lines: str, size: int = 16, extra: str = "") -> Path:
        path = tmp_path / "card.toml"
        head = lines if any(line.startswith("name") for line in lines) else ('name = "t"', *lines)
        path.write_text(
            "\n".join(head) + f"\n[input]\nsize = [{size}, {size}]\nmean = [0.5, 0.5, 0.5]\n"
            f"std = [0.5, 0.5, 0.5]\n{extra}",
            encoding="utf-8",
        )
        return path

    return write


@pytest.fixture(scope="session")
def photo() -> Tensor:
    """A photo (1, 3, 300, 451) in [0, 1]."""
    pixels = np.ascontiguousarray(skimage.data.chelsea()).astype(np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real models and photos beside the repository."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data beside the repository")
    return folder


WEIGHTS = np.array([[1, -1, 0.5, 0], [0, 2, 0, 1], [-1, 0, 1, 0.5]], dtype=np.float32)
"""From the means of red, green and blue to four logits."""

MakeOnnx = Callable[..., onnx.ModelProto]


@pytest.fixture
def make_onnx() -> MakeOnnx:
    """Makes a network that averages a picture of 8 x 8 and multiplies by `WEIGHTS`."""

    def make(
        *,
        shape: tuple[int | str, ...] = ("n", 3, 8, 8),
        type: int = TensorProto.FLOAT,
        location: str = "",
        extra_input: bool = False,
        axes: tuple[int, ...] = (2, 3),
        last: str = "Identity",
        weights: np.ndarray = WEIGHTS,
    ) -> onnx.ModelProto:
        tensor = numpy_helper.from_array(weights, "w")
        if location:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", location
        nodes = [
            helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["f"], ["m"], axes=list(axes), keepdims=0),
            helper.make_node("MatMul", ["m", "w"], ["z"]),
            helper.make_node(last, ["z"], ["logits"]),
            helper.make_node("Sign", ["z"], ["signs"]),
        ]
        inputs = [helper.make_tensor_value_info("x", type, list(shape))]
        if extra_input:
            inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], 4])
            for name in ("logits", "signs")
        ]
        graph = helper.make_graph(nodes, "g", inputs, outputs, [tensor])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    return make


@pytest.fixture
def onnx_card(tmp_path: Path, make_onnx: MakeOnnx) -> WriteCard:
    """Writes a network and its card."""

    def write(*lines: str, size: int = 8, input: str = "", **network: object) -> Path:
        (tmp_path / "net.onnx").write_bytes(make_onnx(**network).SerializeToString())
        path = tmp_path / "card.toml"
        table = input or (
            f"[input]\nsize = [{size}, {size}]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n"
        )
        head = "\n".join(('name = "mine"', 'source = "onnx:net.onnx"', *lines))
        path.write_text(f"{head}\n{table}", encoding="utf-8")
        return path

    return write
