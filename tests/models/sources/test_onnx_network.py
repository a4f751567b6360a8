"""ONNX files as networks with gradients."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from anamorph.errors import CardError, ModelError
from anamorph.models import load
from anamorph.models.readers import load_reader
from anamorph.models.sources import onnx_network

WriteOnnx = Callable[..., Path]

RANDOM = np.random.default_rng(3)
KERNEL = RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32)
HEAD = RANDOM.normal(size=(4, 5)).astype(np.float32)


@pytest.fixture
def onnx_card(tmp_path: Path) -> WriteOnnx:
    """Writes a convolution, a mean and a linear layer, and their card."""

    def write(
        *lines: str, opset: int = 17, name: str = "/body/conv", last: str = "Identity"
    ) -> Path:
        zeros = {"allowzero": 0} if opset > 13 else {}
        nodes = [
            helper.make_node("Identity", ["kernel"], ["shared"]),
            helper.make_node("Conv", ["x", "shared"], ["c"], name=name, strides=[2, 2]),
            helper.make_node("Clip", ["c", "zero", ""], ["r"], name=f"{name}/act"),
            helper.make_node("GlobalAveragePool", ["r"], ["m"]),
            helper.make_node("Reshape", ["m", "shape"], ["f"], **zeros),
            helper.make_node("MatMul", ["f", "head"], ["z"]),
            helper.make_node(last, ["z"], ["logits"]),
            helper.make_node("Neg", ["z"], ["negated"]),
        ]
        weights = {"kernel": KERNEL, "head": HEAD, "zero": np.zeros((), np.float32)}
        weights["shape"] = np.array([-1, 4])
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 16, 16])],
            [
                helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["n", 5])
                for output in ("logits", "negated")
            ],
            [numpy_helper.from_array(array, key) for key, array in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
        card = tmp_path / "card.toml"
        head = "\n".join(('name = "mine"', 'source = "onnx:net.onnx"', *lines))
        card.write_text(
            f"{head}\n[input]\nsize = [16, 16]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n"
        )
        return card

    return write


@pytest.fixture
def pictures() -> torch.Tensor:
    """Three, of another size than the network's."""
    return torch.rand(3, 3, 20, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_it_reads_as_the_file_does_and_gradients_come_back(
    onnx_card: WriteOnnx, pictures: torch.Tensor, opset: int
) -> None:
    card = onnx_card(opset=opset)
    model, reader = load(card), load_reader(card)
    read = model.output(pictures.requires_grad_())
    torch.testing.assert_close(read, reader.output(pictures), rtol=1e-4, atol=1e-5)
    (gradient,) = torch.autograd.grad(read[:, 0].sum(), pictures)
    assert gradient.abs().amax(dim=(1, 2, 3)).min() > 0


def test_the_panel_knows_it_again_by_its_digest(onnx_card: WriteOnnx) -> None:
    card = onnx_card()
    assert load(card).weights_digest == load_reader(card).weights_digest


def test_layers_keep_their_names_and_can_be_tapped(onnx_card: WriteOnnx) -> None:
    model = load(onnx_card('tap = ["graph.body_conv"]'))
    assert model.card.tap == ("graph.body_conv",)
    assert [layer.name for layer in model.candidates()] == ["graph.body_conv_act"]


def test_another_output_can_be_named(onnx_card: WriteOnnx, pictures: torch.Tensor) -> None:
    plain, negated = load(onnx_card()), load(onnx_card('options = { output = "negated" }'))
    torch.testing.assert_close(negated.output(pictures), -plain.output(pictures))


def test_probabilities_become_logits(onnx_card: WriteOnnx, pictures: torch.Tensor) -> None:
    plain = load(onnx_card())
    told = load(onnx_card("options = { probabilities = true }", last="Softmax"))
    torch.testing.assert_close(
        told.output(pictures).softmax(1), plain.output(pictures).softmax(1), rtol=1e-4, atol=1e-6
    )


def test_names_in_the_file_never_become_code(onnx_card: WriteOnnx, tmp_path: Path) -> None:
    made = tmp_path / "made"
    model = load(onnx_card(name=f'a"); open("{made}", "w"); ("'))
    assert not made.exists()
    assert [layer.name for layer in model.candidates()] == [f"graph.a_open_{_plain(made)}_w_act"]


def _plain(path: Path) -> str:
    return "_".join(re.findall(r"[A-Za-z0-9_]+", str(path)))


def test_what_cannot_be_converted_is_told_with_the_way_out(onnx_card: WriteOnnx) -> None:
    with pytest.raises(ModelError, match=r"cannot convert .* or with torch\.export"):
        load(onnx_card(last="Hardmax"))
    with pytest.raises(CardError, match="there is no output 'none', expected one of logits, neg"):
        load(onnx_card('options = { output = "none" }'))
    with pytest.raises(CardError, match="unknown option 'outptu'"):
        load(onnx_card('options = { outptu = "negated" }'))
    with pytest.raises(CardError, match="the file has them"):
        load(onnx_card('weights = "w.safetensors"'))


def test_damaged_files_are_refused(onnx_card: WriteOnnx) -> None:
    card = onnx_card()
    file = card.with_name("net.onnx")
    file.write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="is not an ONNX file"):
        load(card)
    file.unlink()
    with pytest.raises(ModelError, match="there is no file"):
        load(card)


def test_a_conversion_that_reads_otherwise_is_refused(
    onnx_card: WriteOnnx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_network, "SAME", -1.0)
    with pytest.raises(ModelError, match="it reads otherwise than onnxruntime"):
        load(onnx_card())
