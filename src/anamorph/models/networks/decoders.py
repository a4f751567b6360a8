"""Decoders: networks that reconstruct the picture from a feature, as a thief or a shadow would.

    feature -> (z - mean) / deviation, per channel -> body -> picture

From maps (c, h, w):

    linear          conv 3x3 -> cells of pixels
    deconvolution   conv 1x1 -> conv 3x3 -> transposed convolutions, each twice as large
    residual        conv 1x1 -> two residual blocks -> conv 3x3 -> cells of pixels
    unet            conv 1x1 -> down twice by strides, up twice with shortcuts -> cells of pixels

From embeddings (k):

    ridge           one linear layer, which is fitted and not trained
    mlp             two hidden layers -> pixels at half size, twice as large
    convolutional   linear layer to a small map -> transposed convolutions, each twice as large

Channels that never change in the data (dead ones) are multiplied by zero: dividing by their
deviation would let a change there, which the recognizer may not even see, drown all the others.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.errors import UsageError, WeightsError
from anamorph.models.convolutions import run
from anamorph.models.folding import fold_norms
from anamorph.models.networks.decoder_bodies import BODIES, Design
from anamorph.models.networks.generator import tensors
from anamorph.types import Images

LARGEST_FILE = 256 * 2**20
"""Bytes of weights that are looked at."""

LEAST_DEVIATION = 0.01
"""Channels that vary less than this times the widest are dead."""

GREY, CONTRAST = 0.5, 0.25
"""Mean and deviation of pixels, about: what a body writes is near 0 and of size 1."""

_ABOUT = "about"


class Decoder(nn.Module):
    """Features (n, ...) to pictures (n, 3, h, w); values may leave [0, 1] a little."""

    mean: Tensor
    scale: Tensor
    """One over the deviation; zero for dead channels."""
    low: Tensor
    high: Tensor
    """The range of clean features, per channel."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design = design
        around = (design.feature[0], *[1] * (len(design.feature) - 1))
        self.register_buffer("mean", torch.zeros(around))
        self.register_buffer("scale", torch.ones(around))
        self.register_buffer("low", torch.zeros(around))
        self.register_buffer("high", torch.ones(around))
        self.body = BODIES[design.kind](design)

    def forward(self, features: Tensor) -> Images:
        """What the feature is taken to show; a piece of a map gives the piece of the picture."""
        body: Tensor = self.body(torch.addcmul(-self.mean * self.scale, features, self.scale))
        return _picture(body, features, self.design)


class _Plain(nn.Module):
    """A decoder whose body normalizes the feature itself."""

    def __init__(self, body: nn.Module, design: Design) -> None:
        super().__init__()
        self.body = body
        self.design = design

    def forward(self, features: Tensor) -> Images:
        return _picture(run(self.body, features), features, self.design)


def _picture(body: Tensor, features: Tensor, design: Design) -> Images:
    out = GREY + CONTRAST * body
    if features.shape[1:] == design.feature and out.shape[-2:] != design.picture:
        out = F.interpolate(out, design.picture, mode="bilinear", antialias=True)
    return out


class Moments(NamedTuple):
    """How clean features vary, per channel: each (c,), or (k,) for embeddings."""

    mean: Tensor
    deviation: Tensor
    low: Tensor
    high: Tensor


def moments(features: Tensor) -> Moments:
    """Of clean features (n, ...); channels are the second axis.

    Example:
        >>> moments(torch.tensor([[1.0, 5.0], [3.0, 5.0]])).low.tolist()
        [1.0, 5.0]
    """
    values = features.float().transpose(0, 1).flatten(1)
    return Moments(values.mean(1), values.std(1), values.amin(1), values.amax(1))


def fresh(design: Design, about: Moments, chance: np.random.Generator) -> Decoder:
    """A decoder whose weights are drawn from `chance` alone, in training mode.

    Args:
        design: what to build.
        about: how clean features vary.
        chance: draws the weights.
    """
    with torch.device("meta"):
        decoder = Decoder(design)
    state = {name: _drawn(name, t, chance) for name, t in decoder.state_dict().items()}
    alive = about.deviation > LEAST_DEVIATION * about.deviation.max()
    scale = torch.where(alive, 1 / about.deviation, 0)
    known = {"mean": about.mean, "scale": scale, "low": about.low, "high": about.high}
    state |= {name: t.float().view_as(state[name]).clone() for name, t in known.items()}
    decoder.load_state_dict(state, assign=True)
    return decoder.train().requires_grad_()


def with_own_statistics(decoder: Decoder) -> Decoder:
    """A copy whose batch norms take the statistics of each map by itself.

    What a batch norm in training mode does with a batch of one: the statistics of the batch at
    hand, and yet no sample sees another.
    """
    copy = Decoder(decoder.design)
    copy.load_state_dict(decoder.state_dict())
    for module in list(copy.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                norm = nn.InstanceNorm2d(child.num_features, eps=child.eps, affine=True)
                norm.weight, norm.bias = child.weight, child.bias
                setattr(module, name, norm)
    return copy.eval().requires_grad_(False)


def folded(decoder: Decoder) -> nn.Module:
    """What answers as the decoder does, up to rounding, for less work.

    Batch norms go into the convolutions before them, and so does the normalization of the feature
    into the one after it, if that sees one place alone: at a border there is nothing to normalize.
    """
    still = deepcopy(decoder).eval().requires_grad_(False)
    without = fold_norms(still, still.mean.new_zeros(1, *decoder.design.feature))
    less = still if without is None else without.network
    body = less.get_submodule("body")
    first = next(layer for layer in body.modules() if not list(layer.children()))
    if not isinstance(first, nn.Conv2d) or first.kernel_size != (1, 1) or first.bias is None:
        return less
    weight = first.weight.double() * still.scale
    shift = (weight * still.mean).sum((1, 2, 3))
    first.bias = nn.Parameter((first.bias - shift).to(first.bias), requires_grad=False)
    first.weight = nn.Parameter(weight.to(first.weight), requires_grad=False)
    return _Plain(body, decoder.design)


def dump(decoder: Decoder) -> bytes:
    """Design and weights, as the bytes of a safetensors file."""
    about = json.dumps(asdict(decoder.design)).encode()
    state = {name: t.detach().cpu().contiguous() for name, t in decoder.state_dict().items()}
    return save({**state, _ABOUT: torch.frombuffer(bytearray(about), dtype=torch.uint8)})


def load(data: bytes, name: str) -> Decoder:
    """The decoder in the bytes of a file: in eval mode, and not to be trained.

    Args:
        data: what `dump` made.
        name: what errors call it.

    Raises:
        WeightsError: damaged, no decoder, or with weights that are no finite numbers.
    """
    if len(data) > LARGEST_FILE:
        raise WeightsError(
            f"{name}: has {len(data):,} bytes, but a decoder has at most {LARGEST_FILE:,}; use a "
            "file that `anamorph train shadow` or `train attacker` made"
        )
    state = tensors(data, name)
    try:
        with torch.device("meta"):
            decoder = Decoder(_design(state.pop(_ABOUT)))
        fits = _kinds(state) == _kinds(decoder.state_dict())
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, UsageError):
        fits = False
    if not fits:
        raise WeightsError(
            f"{name}: holds no decoder; use a file that `anamorph train shadow` or `train "
            "attacker` made"
        )
    if not all(bool(t.isfinite().all()) for t in state.values()):
        raise WeightsError(f"{name}: holds weights that are no numbers; restore it from a copy")
    state = {key: t.float() if t.is_floating_point() else t for key, t in state.items()}
    decoder.load_state_dict(state, assign=True)
    return decoder.eval().requires_grad_(False)


def _kinds(state: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, bool]]:
    return {key: (t.shape, t.is_floating_point()) for key, t in state.items()}


def _design(about: Tensor) -> Design:
    fields: dict[str, Any] = json.loads(about.numpy().tobytes())
    for key in ("feature", "picture"):
        fields[key] = tuple(fields[key])
    return Design(**fields)


def _drawn(name: str, like: Tensor, chance: np.random.Generator) -> Tensor:
    """He's normal start for weights; norms begin as the identity."""
    if like.dim() > 1:
        transposed = like.shape[2:] == (4, 4)  # four of the sixteen places meet at every pixel
        inputs = like.shape[0] * 4 if transposed else like[0].numel()
        drawn = chance.normal(0, sqrt(2 / inputs), tuple(like.shape))
        return torch.from_numpy(drawn.astype(np.float32))
    ones = name.endswith(("running_var", "weight"))
    return torch.full(like.shape, float(ones), dtype=like.dtype)
