"""The first layer of a network that computes something: linear in the pictures."""

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from anamorph.errors import LayerNotFound
from anamorph.models.model import Model
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.taps import capture_features
from anamorph.types import Images

_LINEAR = (nn.Conv2d, nn.Linear)


def first_layer(model: Model) -> Callable[[Images], Tensor]:
    """What the first convolution or linear layer that runs makes of pictures, differentiable.

    Raises:
        LayerNotFound: there is none that can be looked at.
    """
    name = _first(model)
    dtype = next(model.network.parameters()).dtype
    view = Preprocess(model.input)

    def first(images: Images) -> Tensor:
        seen = view(images).to(model.device, dtype)
        return capture_features(model.network, (name,), seen, (1,))[0].to(images.device)

    return first


def _first(model: Model) -> str:
    layers = {name: m for name, m in model.network.named_modules() if isinstance(m, _LINEAR)}
    ran: list[str] = []
    with ExitStack() as hooks, torch.no_grad():
        for name, layer in layers.items():
            hooks.enter_context(
                layer.register_forward_pre_hook(lambda *_, name=name: ran.append(name))
            )
        model.unfolded().output(example(model.input))
    if not ran:
        raise LayerNotFound(
            f"{model.name}: runs no convolution or linear layer that can be looked at, which "
            "null-space noise needs; give a model whose layers are modules"
        )
    return ran[0]
