"""A recognizer cut in two at a layer: the head makes the feature, the tail makes the rest of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from anamorph.errors import LayerNotFound, ModelError
from anamorph.models.model import Model
from anamorph.models.outputs import unwrap
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.taps import capture_features, check_taps
from anamorph.types import Images

_SHOWN = 5
"""Layers that an error names."""

SAME = 1e-4
"""Largest difference of tail(head(x)) from the whole, relative to the largest output."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """tail(head(x)) is what the recognizer says of x. Make one with `split`.

    Both answer on the device of what they are given.
    """

    model: Model
    layer: str
    shape: tuple[int, ...]
    """Of one feature."""
    whole: bool = False
    """Whether the layers before the cut must run on as many rows as there are features."""

    def head(self, images: Images) -> Tensor:
        """Pictures (n, 3, h, w) in [0, 1] to features (n, ...); differentiable."""
        view = self._cast(Preprocess(self.model.input)(images))
        made = capture_features(self.model.network, (self.layer,), view, (1,))[0]
        return made.to(images.device)

    def tail(self, features: Tensor) -> Tensor:
        """Features (n, ...) to embeddings (n, k); differentiable.

        The layers before the cut run on an empty picture; what the layer makes of it is replaced.
        """
        rows = len(features) if self.whole else 1
        height, width = self.model.input.size
        with torch.no_grad():
            empty = self._cast(features.new_zeros(rows, len(self.model.input.mean), height, width))
        with _replaced(self.model.network.get_submodule(self.layer), self._cast(features)):
            answer = unwrap(self.model.network(empty), self.model.task, self.model.name)
        return answer.to(features.device)

    def _cast(self, tensor: Tensor) -> Tensor:
        first = next(self.model.network.parameters(), None)
        return tensor.to(self.model.device, tensor.dtype if first is None else first.dtype)


def split(model: Model, layer: str | None = None) -> Split:
    """Cut a recognizer at a layer, and check that nothing goes around the cut.

    Args:
        model: the recognizer.
        layer: its name; by default the first tap of the model's card.

    Raises:
        LayerNotFound: no such layer, or no tap.
        ModelError: the two halves do not make the whole, since a shortcut goes around the layer;
            it names layers where they do.
    """
    if layer is None:
        if not model.taps:
            raise LayerNotFound(f"{model.name}: the card has no tap to cut the network at; add one")
        layer = model.taps[0]
    check_taps(model.network, (layer,), model.name)
    model = model.unfolded()
    pictures = torch.cat([example(model.input), example(model.input, value=0.5)])
    with torch.no_grad():
        wanted = model.output(pictures)
        cut = _cut_at(model, layer, pictures, wanted)
    if cut is not None:
        return cut
    raise ModelError(
        f"{model.name}: cannot be cut at {layer!r}: other layers go around it"
        + _advice(model, layer, pictures, wanted)
    )


def _cut_at(model: Model, layer: str, pictures: Images, wanted: Tensor) -> Split | None:
    """The cut at a layer, if tail and head make the whole there."""
    cut = Split(model=model, layer=layer, shape=())
    features = cut.head(pictures)
    cut = replace(cut, shape=tuple(features.shape[1:]))
    attempts = (cut, replace(cut, whole=True))
    return next((attempt for attempt in attempts if _agrees(attempt, features, wanted)), None)


def _advice(model: Model, layer: str, pictures: Images, wanted: Tensor) -> str:
    """Where it can be cut instead: the nearest layers, of its taps and blocks."""
    order = [name for name, _ in model.network.named_modules()]
    near = {name: abs(order.index(name) - order.index(layer)) for name in order}
    blocks = (candidate.name for candidate in model.candidates())
    tried = {*model.taps, *blocks}.intersection(order) - {layer}
    with torch.no_grad():
        there = [
            name
            for name in sorted(tried, key=order.index)
            if _cut_at(model, name, pictures, wanted) is not None
        ]
    if not there:
        return ", as around every block that was tried; take another model"
    shown = sorted(sorted(there, key=near.__getitem__)[:_SHOWN], key=order.index)
    more = f" (and {len(there) - len(shown)} more)" if there[_SHOWN:] else ""
    told = f"; it can be cut at {', '.join(map(repr, shown))}{more}"
    if model.taps[:1] and model.taps[0] in there:
        told += f", by default at {model.taps[0]!r}"
    return told


def _agrees(cut: Split, features: Tensor, wanted: Tensor) -> bool:
    try:
        found = cut.tail(features)
    except (RuntimeError, ModelError):  # shapes that no longer fit each other
        return False
    if found.shape != wanted.shape:
        return False
    return bool((found - wanted).abs().max() <= SAME * wanted.abs().max())


@contextmanager
def _replaced(layer: nn.Module, features: Tensor) -> Iterator[None]:
    """What the layer returns, replaced in this thread."""
    thread = get_ident()

    def hook(module: nn.Module, arguments: Any, result: Any) -> Any:
        del module, arguments
        return features if get_ident() == thread else result

    with layer.register_forward_hook(hook):
        yield
