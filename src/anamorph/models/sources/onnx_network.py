"""`onnx:FILE` as a network with gradients, converted by onnx2torch: best effort, and checked.

onnx2torch knows operators up to opset 17, so newer files are converted down first. It writes the
names of nodes into Python source, so they are made plain before. What comes out must read two
pictures as onnxruntime reads them from the file.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.errors import CardError, MissingExtra, ModelError, first_line
from anamorph.models.card import Card, Input
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.sources.built import Built
from anamorph.models.sources.onnx_files import model_digest, side_files

OPSET = 17
"""The newest that onnx2torch knows well."""

SAME = 1e-3
"""Largest difference to onnxruntime, relative to the largest output."""

_LEAST = 1e-12  # a probability of zero has no logarithm


def build(card: Card) -> Built:
    """Convert an ONNX file into a network that lets gradients through.

    Raises:
        MissingExtra: onnx, onnx2torch or onnxruntime is not installed.
        ModelError: no such file, weights outside its folder, or it cannot be converted.
        CardError: there is no such output, or no [input].
    """
    path = card.folder / card.what
    if not path.is_file():
        raise ModelError(f"{card.name}: there is no file {path}; check the source in the card")
    if card.input is None:
        raise CardError(f"{card.name}: the card has no [input]; add size, mean and std")
    if card.weights is not None:
        raise CardError(f"{card.name}: weights has no meaning for {card.source}: the file has them")
    onnx, convert, onnxruntime = _libraries()
    try:
        digest = model_digest(path, side_files(path))
        model = onnx.load(str(path))
    except ModelError:
        raise
    except Exception as error:  # whatever a hostile or damaged file makes the parser raise
        raise ModelError(f"{card.name}: {path} is not an ONNX file ({first_line(error)})") from None
    _choose_output(model, card)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = _Network(convert(_prepared(onnx, model)), card)
    except Exception as error:  # operators it does not know, and much else
        raise ModelError(
            f"{card.name}: onnx2torch cannot convert {path} ({first_line(error)}); write it with "
            f"torch.onnx.export(..., opset_version={OPSET}, dynamo=False), or with torch.export "
            "and name it as pt2:FILE"
        ) from None
    _check(network, onnxruntime, path, card, card.input)
    return Built(network=network, card=card, digest=digest)


class _Network(nn.Module):
    """The converted graph; of probabilities the logarithms, which are logits."""

    def __init__(self, graph: nn.Module, card: Card) -> None:
        super().__init__()
        self.graph, self.probabilities = graph, card.options.get("probabilities", False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.graph(x)
        return output.clamp_min(_LEAST).log() if self.probabilities else output


def _libraries() -> tuple[Any, Any, Any]:
    """onnx, what converts, and onnxruntime."""
    from anamorph.models.torchvision_compat import make_torchvision_importable

    try:
        import onnx
        import onnx.version_converter
        import onnxruntime

        make_torchvision_importable()  # which onnx2torch imports
        from onnx2torch import convert
    except ImportError as error:
        raise MissingExtra(
            f"{error.name} is not installed; run `pip install 'anamorph[onnx]'`"
        ) from None
    return onnx, convert, onnxruntime


def _choose_output(model: Any, card: Card) -> None:
    """Leave the one output that is read."""
    outputs = {output.name: output for output in model.graph.output}
    chosen = card.options.get("output", next(iter(outputs), None))
    if chosen not in outputs:
        raise CardError(
            f"{card.name}: there is no output {chosen!r}, expected one of {', '.join(outputs)}; "
            "correct output in options"
        )
    del model.graph.output[:]
    model.graph.output.append(outputs[chosen])


def _prepared(onnx: Any, model: Any) -> Any:
    """The model as onnx2torch takes it."""
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


def _check(network: nn.Module, onnxruntime: Any, path: Path, card: Card, input: Input) -> None:
    """Compare with onnxruntime, picture by picture, since the file may fix the batch."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name, chosen = session.get_inputs()[0].name, card.options.get("output")
    chosen = chosen or session.get_outputs()[0].name
    network.eval()
    for value in (None, 0.5):
        view = Preprocess(input)(example(input) if value is None else example(input, value=value))
        try:
            with torch.no_grad():
                ours = network(view).numpy()
            (theirs,) = session.run([chosen], {name: view.numpy()})
        except Exception as error:  # whatever either of them raises
            raise ModelError(
                f"{card.name}: the converted network fails on a picture of {input.size[0]} x "
                f"{input.size[1]} ({first_line(error)}); check [input], or export pt2:FILE"
            ) from None
        if card.options.get("probabilities", False):
            theirs = np.log(np.maximum(theirs, _LEAST))
        off = float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-6))
        if ours.shape != theirs.shape or not off <= SAME:
            raise ModelError(
                f"{card.name}: converted by onnx2torch it reads otherwise than onnxruntime (off "
                f"by {off:.1e} of the largest output); write it with torch.export, as pt2:FILE"
            )
