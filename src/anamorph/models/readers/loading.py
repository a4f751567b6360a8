"""From a card or a spec to a member of the panel, whatever it is."""

from pathlib import Path
from typing import TypeAlias

import torch

from anamorph.errors import CardError
from anamorph.models.card import place
from anamorph.models.loading import load
from anamorph.models.model import Model
from anamorph.models.readers.http import HttpReader, http_reader
from anamorph.models.readers.onnx import OnnxReader
from anamorph.models.readers.onnx_loading import onnx_reader
from anamorph.models.readers.reader_card import KINDS, reader_card

AnyReader: TypeAlias = Model | OnnxReader | HttpReader
"""What plays a member of the panel; of these only a `Model` has gradients."""


def load_reader(
    model: str | Path,
    *,
    answers: str | Path | None = None,
    threads: int = 1,
    device: str | torch.device = "cpu",
) -> AnyReader:
    """A member of the panel: an ONNX file, a service, or any model that `load` knows.

    Services cannot be authorized models or surrogates: `load` refuses them. From an ONNX file it
    makes a network with gradients, where that can be done; here the file itself is run.

    Args:
        model: the path of a card, or a short spec such as `timm:resnet18`.
        answers: a file in which the answers of services are kept, so that a run that stopped goes
            on without asking again; None keeps them in memory.
        threads: of onnxruntime.
        device: of models that `load` knows; onnxruntime stays on the CPU.

    Raises:
        CardError: the card or spec makes no sense, or does not fit the network.
        ModelError: the network cannot be loaded, or fails on a test picture.
        MissingExtra: a library that it needs is not installed.
        FileError: the file of answers is damaged.
    """
    text = str(model)
    if text.endswith(".toml") and (described := reader_card(Path(model))) is not None:
        if described.card.kind == "onnx":
            return onnx_reader(described.card, threads=threads)
        return http_reader(described, answers=None if answers is None else Path(answers))
    if text.partition(":")[0] in KINDS:
        raise CardError(
            f"{place(text)} needs a card, a .toml file with this as its `source`: an ONNX file "
            "does not tell how it wants its pictures, nor a service where its answer is"
        )
    return load(model, device=device)
