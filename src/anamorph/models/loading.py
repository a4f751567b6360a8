"""From a card, a spec or an `nn.Module` to a model that is known to work."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from anamorph.errors import CardError, ModelError, first_line
from anamorph.models.candidates import default_taps, surrogate_taps
from anamorph.models.card import Card, Input, Interpolation, Resize
from anamorph.models.card_file import card_of
from anamorph.models.device import device_of
from anamorph.models.folding import fold_norms
from anamorph.models.model import Model
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.sources import build
from anamorph.models.sources.built import Built
from anamorph.models.taps import check_taps
from anamorph.models.weights import weights_digest
from anamorph.types import Task

SAME = 1e-3
"""Largest difference between forms of a network, relative to the largest output."""


def load(model: str | Path | Card, *, device: str | torch.device = "cpu") -> Model:
    """A model from a card, the path of a card, or a short spec such as `timm:resnet18`.

    Args:
        model: a card, its path, or a spec.
        device: where it is to compute: see `device_of`.

    Raises:
        UsageError: no such device.
        CardError: the card or spec makes no sense, or does not fit the network.
        ModelError: the network cannot be built, or fails on a test picture.
        WeightsError: the weights do not fit, or are not safe to load.
        LayerNotFound: a tap that names no layer.
    """
    card = model if isinstance(model, Card) else card_of(model)
    where = device_of(device)  # before anything is downloaded
    return _ready(build(card), where)


def wrap(
    network: nn.Module,
    *,
    name: str,
    size: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    task: Task = "classify",
    tap: Sequence[str] = (),
    labels: Sequence[str] = (),
    resize: Resize = "squash",
    crop: float = 1.0,
    interpolation: Interpolation = "bilinear",
    device: str | torch.device = "cpu",
) -> Model:
    """A model from any `nn.Module`.

    Works on a copy: freezing, eval mode and memory format must not reach the caller's network,
    which may be in training, and later training must not reach the model.

    Raises:
        ModelError: the network fails on a test picture.
        LayerNotFound: a tap that names no layer.
        UsageError: no such device.
    """
    input = Input(
        size=size,
        mean=tuple(mean),
        std=tuple(std),
        resize=resize,
        crop=crop,
        interpolation=interpolation,
    )
    card = Card(
        name=name,
        source=f"module:{type(network).__qualname__}",
        task=task,
        labels=tuple(labels),
        tap=tuple(tap),
        input=input,
    )
    copy = deepcopy(network)
    hooks = not isinstance(copy, torch.jit.ScriptModule)
    return _ready(Built(network=copy, card=card, hooks=hooks), device_of(device))


def _ready(built: Built, device: torch.device) -> Model:
    """Frozen, checked, in its fastest memory format, with taps."""
    card, input = built.card, built.card.input
    if input is None:
        raise CardError(f"{card.name}: the card has no [input]; add size, mean and std")
    network = _frozen(built.network)
    digest = built.digest or weights_digest(network.state_dict())
    check_taps(network, card.tap, card.name)
    model = Model(
        card=card,
        input=input,
        network=network.to(device),
        weights_digest=digest,
        hooks=built.hooks,
    )
    _check(model, device)
    view = Preprocess(input)(torch.cat([example(input), example(input, value=0.5)]).to(device))
    _prefer_channels_last(model, view)
    model = _with_norms_folded(model, view)
    if not card.tap and model.hooks:
        candidates = model.candidates()
        model = replace(
            model,
            card=replace(card, tap=default_taps(candidates)),
            surrogate_taps=surrogate_taps(candidates),
        )
    return model


def _frozen(network: nn.Module) -> nn.Module:
    """In eval mode, without parameter gradients, in single precision or better."""
    if any(p.dtype in (torch.float16, torch.bfloat16) for p in network.parameters()):
        network = network.float()
    for parameter in network.parameters():  # one by one, since TorchScript has no call for all
        parameter.requires_grad_(False)
    return network.eval()


def _check(model: Model, device: torch.device) -> None:
    """Read two test pictures and refuse a network that cannot be protected with.

    Raises:
        ModelError: it fails, its output is no (n, k >= 2) of finite numbers, or no gradient
            reaches the picture.
        CardError: the labels do not fit.
    """
    name = model.name
    pictures = torch.cat([example(model.input), example(model.input, value=0.5)]).to(device)
    pictures.requires_grad_()
    try:
        output = model.output(pictures)
    except ModelError:
        raise
    except Exception as error:  # whatever a network raises that does not fit its card
        raise ModelError(
            f"{name}: the network fails on two pictures of {model.input.size[0]} x "
            f"{model.input.size[1]}: {first_line(error)}; check [input] in the card"
        ) from error
    if len(output) != 2 or output.shape[1] < 2:
        raise ModelError(
            f"{name}: the network returned a tensor {tuple(output.shape)} for 2 pictures; "
            "expected (2, k) with k at least 2"
        )
    if not output.isfinite().all():
        raise ModelError(f"{name}: the network returned numbers that are not finite; check weights")
    if model.labels and len(model.labels) != output.shape[1]:
        raise CardError(
            f"{name}: the card has {len(model.labels)} labels, "
            f"but the network has {output.shape[1]} outputs"
        )
    differs = not torch.equal(output[0], output[1])
    if not _gradient_flows(output, pictures, expected=differs):
        raise ModelError(
            f"{name}: no gradient reaches the picture; the network must not detach, round or "
            "run without gradients between picture and output"
        )


def _gradient_flows(output: Tensor, pictures: Tensor, *, expected: bool) -> bool:
    """Whether a finite gradient arrives, and not all zeros where the output depends on pictures."""
    if not output.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(output.square().sum(), pictures, allow_unused=True)
    if gradient is None or not gradient.isfinite().all():
        return False
    return bool(gradient.any()) or not expected


def _prefer_channels_last(model: Model, view: Tensor) -> None:
    """Lay the weights out channels last, unless the network fails or answers otherwise then."""
    network = model.network
    if not any(parameter.ndim == 4 for parameter in network.parameters()):
        return
    with torch.no_grad():
        before = model.output_of_view(view)
        try:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            same = _alike(model.output_of_view(view), before)
        except Exception:  # a network that insists on contiguous tensors, with .view for example
            same = False
    if not same:
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _with_norms_folded(model: Model, view: Tensor) -> Model:
    """The model with a folded network beside its own, unless that fails or answers otherwise."""
    if not model.hooks:
        return model
    with torch.no_grad():
        before = model.output_of_view(view)
        try:
            folding = replace(model, folded=fold_norms(model.network, view))
            same = _alike(folding.output_of_view(view), before)
            _pass_back(folding, view)
        # It computes weights anew, reads its norms itself, or changes what was clipped.
        except Exception:
            same = False
    return folding if same else model


def _pass_back(model: Model, view: Tensor) -> None:
    with torch.enable_grad():
        view = view.clone().requires_grad_()
        torch.autograd.grad(model.output_of_view(view).sum(), view)


def _alike(after: Tensor, before: Tensor) -> bool:
    return bool((after - before).abs().max() <= SAME * before.abs().max())
