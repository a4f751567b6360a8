"""The last feature map of a network, with what is needed to ask which places mattered."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from anamorph.errors import ModelError
from anamorph.models.model import Model
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.taps import first_tensor
from anamorph.types import Images


class Looked(NamedTuple):
    """One forward pass, seen from the last feature map on."""

    activation: Tensor
    """(n, c, h, w); gradients of the output arrive here, and go no further."""
    output: Tensor
    """(n, k)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMap:
    """A model whose last feature map can be looked at. Make one with `last_map`."""

    model: Model
    layer: str

    def __call__(self, images: Images, /) -> Looked:
        """Read pictures in [0, 1] and keep the map; only the layers behind it are differentiated.

        Raises:
            ModelError: the layer gave no map this time.
        """
        seen: list[Tensor] = []

        def cut(_module: nn.Module, _arguments: Any, result: Any) -> Any:
            activation = first_tensor(result)
            if activation is None:
                return result
            seen.append(activation.detach().to(images.device).requires_grad_())
            # A clone, since layers that work in place must not reach the map.
            passed = seen[-1].clone().to(activation.device)
            return passed if isinstance(result, Tensor) else _replaced(result, activation, passed)

        layer = self.model.network.get_submodule(self.layer)
        with layer.register_forward_hook(cut), torch.enable_grad():
            view = Preprocess(self.model.input)(images)
            output = self.model.unfolded().output_of_view(view)
        if not seen:
            raise ModelError(f"{self.model.name}: layer {self.layer!r} gave no map")
        return Looked(seen[-1], output)

    def shown(self, images: Images, /) -> Images:
        """What the network sees of pictures, (n, c, h, w) in [0, 1]."""
        view = Preprocess(self.model.input)(images)
        mean = view.new_tensor(self.model.input.mean)[:, None, None]
        std = view.new_tensor(self.model.input.std)[:, None, None]
        return (view * std + mean).clamp(0, 1)


def last_map(model: Model) -> LastMap:
    """Find the last feature map: what leaves the last convolution, its norm and its activation.

    That is the last layer to return whose map is as large as that of the last convolution which
    leaves more than one place; pooling behind it would make it coarser.

    Raises:
        ModelError: layers cannot be looked at, or none of them is a convolution.
    """
    if not model.hooks:
        raise ModelError(f"{model.name}: layers of this kind of model cannot be looked at")
    runs = _maps(model)
    convolutions = [run for run in runs if run.is_convolution]
    if not convolutions:
        raise ModelError(f"{model.name}: has no convolution that leaves a map")
    size = convolutions[-1].size
    once = [run for run in runs if run.size == size and run.times() == 1 and run.name]
    if not once:
        raise ModelError(f"{model.name}: its last convolution runs more than once")
    return LastMap(model=model, layer=once[-1].name)


class _Run(NamedTuple):
    name: str
    size: tuple[int, int]
    is_convolution: bool
    times: Callable[[], int]


def _maps(model: Model) -> list[_Run]:
    """The layers that return a map of more than one place, in the order they return."""
    found: list[_Run] = []
    counts: dict[str, int] = {}
    with ExitStack() as hooks, torch.no_grad():
        for name, module in model.network.named_modules():

            def note(module: nn.Module, _arguments: Any, result: Any, name: str = name) -> None:
                counts[name] = counts.get(name, 0) + 1
                tensor = first_tensor(result)
                if tensor is not None and tensor.ndim == 4 and min(tensor.shape[2:]) > 1:
                    height, width = tensor.shape[2:]
                    kind = isinstance(module, nn.Conv2d)
                    found.append(_Run(name, (height, width), kind, lambda: counts[name]))

            hooks.enter_context(module.register_forward_hook(note))
        model.unfolded().output(example(model.input))
    return found


def _replaced(result: Any, old: Tensor, new: Tensor) -> Any:
    """A tuple or list of results with its first tensor exchanged."""
    parts = [new if part is old else part for part in result]
    return parts if isinstance(result, list) else tuple(parts)
