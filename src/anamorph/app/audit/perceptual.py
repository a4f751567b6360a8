"""LPIPS with a network and weights of the user's own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from anamorph.app.audit.loading import Cases
from anamorph.app.images import as_images
from anamorph.errors import UsageError, WeightsError
from anamorph.files.photo import Limits, read
from anamorph.metrics.perceptual import lpips
from anamorph.models import Model, load
from anamorph.models.weights import read_weights
from anamorph.types import Images, PerSample

_NAME = re.compile(r"lin(\d+)\.(?:model\.1\.)?weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceptual:
    """LPIPS: how far apart two pictures look, at the network's own picture size."""

    model: Model
    weights: tuple[Tensor, ...]

    def __call__(self, a: Images, b: Images) -> PerSample:
        """The distance of each pair; 0 is equal."""
        with torch.no_grad():
            return lpips(self.model(a).features, self.model(b).features, self.weights)


def perceptual(card: str | Path, weights: str | Path) -> Perceptual:
    """LPIPS by the taps of a network.

    Args:
        card: the network; its taps are the layers that are compared, first to last.
        weights: of the channels: `lin0.model.1.weight` and so on, as the authors publish them, in
            a `.safetensors` file or a `.pth` file that holds only tensors.

    Raises:
        UsageError: the layers and the weights do not fit.
        ModelError, WeightsError: one cannot be loaded.
    """
    model = load(card)
    found = read_weights(Path(weights))
    layers = sorted((int(m[1]), key) for key in found if (m := _NAME.fullmatch(key)))
    if not layers:
        raise WeightsError(
            f"{weights}: holds no `lin0.model.1.weight`; give the linear weights of LPIPS"
        )
    measure = Perceptual(model=model, weights=tuple(found[key].flatten() for _, key in layers))
    _check(measure, [key for _, key in layers])
    return measure


def distances(found: Cases, measure: Perceptual, limits: Limits) -> list[float]:
    """LPIPS of every protected picture that was decoded, from the files."""
    return [
        measure(*(_image(path, limits) for path in (item.source, item.output))).item()
        for item in (found.cases[index].item for index in sorted(found.looks))
    ]


def _image(path: Path, limits: Limits) -> Images:
    image = as_images(read(path, limits).pixels)
    return image.expand(-1, 3, -1, -1)


def _check(measure: Perceptual, keys: Sequence[str]) -> None:
    name, taps, weights = measure.model.name, measure.model.taps, measure.weights
    if len(taps) != len(weights):
        raise UsageError(
            f"{name}: taps {len(taps)} layers, but there are weights for {len(weights)}; name the "
            "layers that LPIPS compares as `tap` in the card, first to last"
        )
    probe = torch.zeros(1, 3, *measure.model.input.size, device=measure.model.device)
    with torch.no_grad():
        features = measure.model(probe).features
    for tap, y, w, key in zip(taps, features, weights, keys, strict=True):
        if y.dim() != 4 or y.shape[1] != len(w):
            raise UsageError(
                f"{name}: {tap} has features {tuple(y.shape[1:])}, but {key} has {len(w)} weights; "
                "tap the layers that the weights were learned for"
            )
