"""`onnx:FILE` as a network with gradients, converted by onnx2torch: best effort, and checked.

onnx2torch knows operators up to opset 17, so newer files are converted down first. It writes the
names of nodes into Python source, so they are made plain before. What comes out must read two
pictures as onnxruntime reads them from the file.
"""

import re
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.errors import CardError, MissingExtra, ModelError, first_line
from anamorph.models.card import Card
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.readers.onnx import LEAST, OnnxReader
from anamorph.models.readers.onnx_loading import onnx_reader
from anamorph.models.sources.built import Built

OPSET = 17
"""The newest that onnx2torch knows well."""

SAME = 1e-3
"""Largest difference to onnxruntime, relative to the largest output."""


def build(card: Card) -> Built:
    """Convert an ONNX file into a network that lets gradients through.

    Raises:
        MissingExtra: onnx, onnx2torch or onnxruntime is not installed.
        ModelError: no such file, weights outside its folder, or it cannot be converted.
        CardError: the card does not fit the network.
    """
    if card.weights is not None:
        raise CardError(f"{card.name}: weights has no meaning for {card.source}: the file has them")
    onnx, convert = _libraries()
    reader = onnx_reader(card)
    path = card.folder / card.what
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepared = _prepared(onnx, onnx.load(str(path)), reader.chosen)
            network = _Network(convert(prepared), card).eval()
    except Exception as error:  # operators it does not know, and much else
        raise ModelError(
            f"{card.name}: onnx2torch cannot convert {path} ({first_line(error)}); write it with "
            f"torch.onnx.export(..., opset_version={OPSET}, dynamo=False), or with torch.export "
            "and name it as pt2:FILE"
        ) from None
    _check(network, reader)
    return Built(network=network, card=card, digest=reader.weights_digest)


class _Network(nn.Module):
    """The converted graph; of probabilities the logarithms, which are logits."""

    def __init__(self, graph: nn.Module, card: Card) -> None:
        super().__init__()
        self.graph, self.probabilities = graph, card.options.get("probabilities", False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.graph(x)
        return output.clamp_min(LEAST).log() if self.probabilities else output


def _libraries() -> tuple[Any, Any]:
    """onnx, and what converts."""
    from anamorph.models.torchvision_compat import make_torchvision_importable

    try:
        import onnx
        import onnx.version_converter

        make_torchvision_importable()  # which onnx2torch imports
        from onnx2torch import convert
    except ImportError as error:
        raise MissingExtra(
            f"{error.name} is not installed; run `pip install 'anamorph[onnx]'`"
        ) from None
    return onnx, convert


def _prepared(onnx: Any, model: Any, chosen: str) -> Any:
    """The model as onnx2torch takes it, with the one output that is read."""
    (output,) = (one for one in model.graph.output if one.name == chosen)
    del model.graph.output[:]
    model.graph.output.append(output)
    if any(o.domain in ("", "ai.onnx") and o.version > OPSET for o in model.opset_import):
        model = onnx.version_converter.convert_version(model, OPSET)
        _without_allowzero(onnx, model)
    _without_identities(model)
    for number, node in enumerate(model.graph.node):
        while node.input and not node.input[-1]:  # optional and not given
            node.input.pop()
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", node.name).strip("_")
        node.name = plain if plain.isidentifier() else f"{node.op_type}_{number}"
    return model


def _without_allowzero(onnx: Any, model: Any) -> None:
    """Opset 14 added it to Reshape, and onnx2torch does not know it; it matters for zeros alone."""
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        said = [a for a in node.attribute if a.name == "allowzero"]
        if node.op_type != "Reshape" or not said:
            continue
        if said[0].i and not np.all(constants.get(node.input[1], np.zeros(1))):
            raise ValueError("a Reshape to a size of zero")
        node.attribute.remove(said[0])


def _without_identities(model: Any) -> None:
    """Weights that several layers share are exported through Identity nodes."""
    weights = {weight.name for weight in model.graph.initializer}
    same: dict[str, str] = {}
    for node in list(model.graph.node):
        if node.op_type == "Identity" and same.get(node.input[0], node.input[0]) in weights:
            same[node.output[0]] = same.get(node.input[0], node.input[0])
            model.graph.node.remove(node)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = same.get(name, name)


def _check(network: nn.Module, reader: OnnxReader) -> None:
    """Compare with onnxruntime, picture by picture, since the file may fix the batch."""
    input, name = reader.input, reader.name
    for picture in (example(input), example(input, value=0.5)):
        theirs = reader.output(picture)
        try:
            with torch.no_grad():
                ours = network(Preprocess(input)(picture))
        except Exception as error:  # whatever the converted network raises
            raise ModelError(
                f"{name}: the converted network fails on a picture of {input.size[0]} x "
                f"{input.size[1]} ({first_line(error)}); write it with torch.export, as pt2:FILE"
            ) from None
        off = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-6))
        if not off <= SAME:
            raise ModelError(
                f"{name}: converted by onnx2torch it reads otherwise than onnxruntime (off "
                f"by {off:.1e} of the largest output); write it with torch.export, as pt2:FILE"
            )
