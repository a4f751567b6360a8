"""The model card: what a model is, where its weights are, and how it wants its pictures.

A card is a TOML file; paths in it are relative to it:

    name = "my classifier"
    source = "timm:mobilenetv2_100"
    weights = "weights.safetensors"     # optional where the source brings them
    options = { pad_type = "same" }     # passed to the factory
    task = "classify"                   # classify | embed | detect
    labels = "labels.txt"               # one per line, or a list of them
    tap = ["blocks.2"]                  # layers for feature distortion
    [input]
    size = [224, 224]                   # height, width
    resize = "squash"                   # squash | shortest+crop
    crop = 1.0                          # share of each side that is kept
    interpolation = "bilinear"          # bilinear | bicubic | nearest
    mean = [0.5, 0.5, 0.5]              # three numbers for RGB, one for a grey network
    std = [0.5, 0.5, 0.5]
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias

from anamorph.types import Task

Resize: TypeAlias = Literal["squash", "shortest+crop"]
"""Squash the whole picture to the network's size, or fit the shorter side and crop the center."""

Interpolation: TypeAlias = Literal["bilinear", "bicubic", "nearest"]
"""The filter of the resize; bilinear and bicubic are antialiased as Pillow's are."""

KINDS = ("timm", "torchvision", "hf", "portraits", "pt2", "torchscript", "onnx", "python")
"""The kinds of source, the part of a source before the first colon."""

SELF_DESCRIBING = ("timm", "torchvision", "hf", "portraits")
"""Kinds that tell their own input settings, so that a short spec is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """How a network wants its pictures."""

    size: tuple[int, int]
    """Height and width in pixels."""
    mean: tuple[float, ...]
    """Subtracted from pixels in [0, 1]; three numbers for RGB, one for a grey network."""
    std: tuple[float, ...]
    """Divides what is left."""
    resize: Resize = "squash"
    crop: float = 1.0
    """Share of each side that the center crop keeps, in (0, 1]."""
    interpolation: Interpolation = "bilinear"


def place(source: str) -> str:
    """A source as messages show it: of an address the host alone, for paths may hold secrets.

    Example:
        >>> place("https://vision.example/classify?key=secret")
        'https://vision.example'
        >>> place("timm:resnet18")
        'timm:resnet18'
    """
    before, scheme, rest = source.partition("://")
    return before + scheme + re.split(r"[/?#]", rest)[0].rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of a model before it is loaded."""

    name: str
    source: str
    """`KIND:WHAT`, for example `timm:resnet18`."""
    weights: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Passed to the factory that builds the network."""
    task: Task = "classify"
    labels: tuple[str, ...] = ()
    tap: tuple[str, ...] = ()
    """Layers for feature distortion; empty means the default rule."""
    input: Input | None = None
    """None where the source tells; filled in when the model is loaded."""
    folder: Path = Path()
    """What relative paths in `source` are relative to."""

    @property
    def kind(self) -> str:
        """The part of the source before the first colon."""
        return self.source.partition(":")[0]

    @property
    def what(self) -> str:
        """The part of the source after the first colon."""
        return self.source.partition(":")[2]

    @property
    def runs_code(self) -> bool:
        """Whether it runs code that the card names, so that only its user may choose it.

        TorchScript can touch files. Exported programs are screened for code, but torch does not
        promise that what is left is safe.
        """
        return self.kind in ("python", "torchscript", "pt2")

    def filled(
        self, *, input: Input | None, labels: tuple[str, ...] = (), tap: tuple[str, ...] = ()
    ) -> "Card":
        """The card with what the source tells, where the card itself is silent."""
        return replace(
            self,
            input=self.input or input,
            labels=self.labels or labels,
            tap=self.tap or tap,
        )

    def digest(self, weights_digest: str) -> str:
        """Sha256 of everything the card says, with the weights' digest in place of their path."""
        what = {
            "name": self.name,
            "source": self.source,
            "options": dict(self.options),
            "task": self.task,
            "labels": self.labels,
            "tap": self.tap,
            "input": None
            if self.input is None
            else {key: getattr(self.input, key) for key in Input.__dataclass_fields__},
            "weights": weights_digest,
        }
        return sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
