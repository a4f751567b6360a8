"""The card of a panel member that only reads: a model's card with another kind of source.

name = "their model"                       name = "their service"
source = "onnx:model.onnx"                 source = "https://vision.example/classify"
options = { output = "logits" }            labels = "labels.txt"
labels = "labels.txt"                      [http]
[input]                                    label = "predictions.0.label"
size = [224, 224] ...
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anamorph.errors import CardError
from anamorph.models.card import Card, place
from anamorph.models.card_file import card_from

KINDS = ("onnx", "http", "https")
"""The kinds of source that only read."""

_NETWORK = "pt2:FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCard:
    """A card, and how its service is asked."""

    card: Card
    where: str
    """Names the card in errors."""
    http: Mapping[str, Any] = field(default_factory=dict)
    """The [http] table as it stands."""


def reader_card(path: Path) -> ReaderCard | None:
    """The card in a TOML file, or None where it is none of a panel member without gradients.

    Raises:
        CardError: an unknown key, an impossible value, or one that means nothing to this source.
    """
    fields = _fields(path)
    source = fields.get("source")
    kind, _, what = source.partition(":") if isinstance(source, str) else ("", "", "")
    if kind not in KINDS:
        return None
    if not what:
        raise CardError(f"{path}: source is {source!r}, expected {kind}: and a file or an address")
    http = fields.get("http", {})
    if not isinstance(http, dict):
        raise CardError(f"{path}: http is {http!r}, expected a table")
    _check_keys(fields, "onnx" if kind == "onnx" else "http", path)
    # `card_from` knows the sources of networks alone; all other keys mean the same here.
    shared = {key: value for key, value in fields.items() if key != "http"}
    card = card_from({**shared, "source": _NETWORK}, folder=path.parent, where=str(path))
    return ReaderCard(card=replace(card, source=str(source)), where=str(path), http=http)


def _fields(path: Path) -> Mapping[str, Any]:
    """The values in a TOML file; none where it cannot be read, which `models.load` reports."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


_MEANINGLESS: Mapping[str, Mapping[str, str]] = {
    "onnx": {
        "weights": "the file holds them",
        "http": "an ONNX file is read here",
    },
    "http": {
        "weights": "the service has them",
        "tap": "layers of a service cannot be tapped",
        "input": "a service resizes pictures itself",
        "options": "a service is described by [http]",
    },
}


def _check_keys(fields: Mapping[str, Any], kind: str, path: Path) -> None:
    for key, why in _MEANINGLESS[kind].items():
        if key in fields:
            raise CardError(f"{path}: {key} has no meaning for {place(fields['source'])}: {why}")
