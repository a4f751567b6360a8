"""Training a decoder on pairs of features and pictures, so that it can be stopped and gone on with.

    minimize  loss(D(z), x)  over pairs                   Adam, the rate falling by half a cosine

A shadow learns from clean features, as the thief it stands in for would. An attacker may learn from
protected ones (an adaptive attacker), from scratch or from a decoder that has learned already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import UInt8
from safetensors.torch import save
from torch import Tensor

from anamorph.app.train import adam
from anamorph.errors import UsageError, WeightsError
from anamorph.losses import mse
from anamorph.metrics.image import ssim
from anamorph.models.device import CPU, device_in
from anamorph.models.networks import decoders
from anamorph.models.networks.decoder_bodies import EMBEDDING_KINDS, MAP_KINDS, Design
from anamorph.models.networks.decoders import CONTRAST, GREY, Decoder
from anamorph.models.networks.generator import tensors
from anamorph.parameters import check, knob
from anamorph.types import Images, PerSample

Pictures: TypeAlias = UInt8[Tensor, "n 3 h w"]

LEAST_PIECE = 16
"""Side of the smallest piece of a map that is learned from, in places."""


def _l1(a: Images, b: Images) -> PerSample:
    return (a - b).abs().flatten(1).mean(1)


def _unlike(a: Images, b: Images) -> PerSample:
    return 1 - ssim(a, b)


LOSSES: Mapping[str, Callable[[Images, Images], PerSample]] = {
    "l1": _l1,
    "l2": mse,
    "ssim": _unlike,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowTraining:
    """How a decoder is trained."""

    kind: str = knob(
        "deconvolution",
        "Architecture: the first four decode feature maps, the others embeddings.",
        choices=(*MAP_KINDS, *EMBEDDING_KINDS),
    )
    width: int = knob(32, "Channels inside.", at_least=1, at_most=512)
    updates: int = knob(1500, "Updates of the weights.", at_least=1)
    batch: int = knob(16, "Pairs in each.", at_least=2)
    piece: int = knob(
        28,
        "Side of the pieces of maps that are learned from, in places; 0 for whole maps.",
        at_least=0,
    )
    rate: float = knob(6e-3, "First learning rate; it falls by half a cosine.", above=0)
    loss: str = knob("l2", "What is minimized: l1, l2, or 1 - SSIM.", choices=tuple(LOSSES))
    seed: int = knob(0, "Of the first weights, and of the order of the pairs.", at_least=0)

    def __post_init__(self) -> None:
        check(self)


class Pairs(NamedTuple):
    """What a decoder learns from."""

    features: Tensor
    """(n, ...), in float16 or float32."""
    pictures: Pictures


class Trained(NamedTuple):
    """Where a training stands."""

    decoder: Decoder
    optimizer: torch.optim.Adam
    done: int
    run: bytes
    """A digest of all that the training depends on."""


Watch: TypeAlias = Callable[[float], None]
"""Called after each update with the loss before it; raise to stop."""


def begin(
    pairs: Pairs,
    p: ShadowTraining,
    start: Decoder | None = None,
    device: torch.device = CPU,
) -> Trained:
    """A decoder before its first update.

    Args:
        pairs: what it will learn from; how its features vary becomes part of the decoder.
        p: how it will be trained.
        start: a decoder that is to learn on; by default one with weights drawn from the seed.
        device: where it is to learn; the pairs stay where they are.

    Raises:
        UsageError: no pairs, a kind that does not decode such features, or a start for others.
    """
    features, pictures = pairs
    if len(features) != len(pictures) or len(features) < 2:
        raise UsageError(
            f"{len(features)} features and {len(pictures)} pictures are no pairs to learn from; "
            "give a picture for each feature, two at least"
        )
    height, width = pictures.shape[-2:]
    shape = tuple(features.shape[1:])
    if start is None:
        design = Design(kind=p.kind, feature=shape, picture=(height, width), width=p.width)
        about = decoders.moments(features[:: -(-len(features) // _MEASURED)])
        decoder = decoders.fresh(design, about, _chance(p, 0))
    elif start.design.feature != shape or start.design.picture != (height, width):
        raise UsageError(
            f"the decoder to start from makes pictures of {start.design.picture} of features "
            f"{start.design.feature}, but the pairs have {(height, width)} and {shape}; begin anew"
        )
    else:
        decoder = decoders.load(decoders.dump(start), "the start").train().requires_grad_()
    if len(shape) == 3:
        decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    done = 0
    if decoder.design.kind == "ridge":
        decoder, done = _fitted(decoder, pairs), p.updates
    decoder.to(device)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=p.rate)
    return Trained(decoder, optimizer, done, digest_of(pairs, p))


def advance(trained: Trained, pairs: Pairs, upto: int, p: ShadowTraining, watch: Watch) -> Trained:
    """Train on until `upto` updates are done; the decoder given goes on, it is not copied.

    Args:
        trained: where the training stands.
        pairs: what it learns from.
        upto: at most `p.updates`.
        p: how.
        watch: called after each update.
    """
    decoder, optimizer = trained.decoder, trained.optimizer
    loss_of, device = LOSSES[p.loss], device_in(decoder)
    for number in range(trained.done, upto):
        z, x = (t.to(device) for t in _drawn(pairs, _chance(p, number + 1), p))
        with torch.enable_grad():
            loss = loss_of(decoder(z), x).mean()
        adam.update(optimizer, loss, p.rate, number, p.updates)
        watch(loss.item())
    return trained._replace(done=max(trained.done, upto))


def reestimated(decoder: Decoder, features: Tensor, batch: int = 16) -> Decoder:
    """A copy whose batch norms have the mean statistics of batches of these features.

    Args:
        decoder: in any mode; it stays as it is.
        features: (n, ...), for example protected ones.
        batch: features in each.
    """
    copy = decoders.load(decoders.dump(decoder), "the decoder").train()
    for module in copy.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over batches
    with torch.no_grad():
        for part in torch.split(features, batch):
            copy(part.float())
    return copy.eval()


def dump(trained: Trained) -> bytes:
    """All that is needed to go on, as the bytes of a safetensors file."""
    decoder = decoders.dump(trained.decoder)
    state = {"decoder": torch.frombuffer(bytearray(decoder), dtype=torch.uint8)}
    state |= adam.state_of(trained.optimizer)
    state["done"] = torch.tensor(trained.done)
    state["run"] = torch.frombuffer(bytearray(trained.run), dtype=torch.uint8)
    return save(state)


def load(
    data: bytes, name: str, pairs: Pairs, p: ShadowTraining, device: torch.device = CPU
) -> Trained:
    """Where a training stood when it was dumped.

    Raises:
        WeightsError: damaged.
        UsageError: no training, or one with other pictures or parameters.
    """
    state = tensors(data, name)
    try:
        decoder = decoders.load(state["decoder"].numpy().tobytes(), name)
        trained = begin(pairs, p, decoder, device)
        if state["run"].numpy().tobytes() != trained.run:
            raise UsageError(
                f"{name}: is of a training with other pictures or parameters; give the same, or "
                "remove it to begin anew"
            )
        adam.restore(trained.optimizer, state)
        return trained._replace(done=int(state["done"]))
    except (KeyError, ValueError, RuntimeError, WeightsError) as error:
        raise UsageError(f"{name}: is no unfinished training; remove it to begin anew") from error


_MEASURED = 200
"""Features whose mean, deviation and range are taken for those of all."""

_TINY = 1e-9
_RIDGE = 0.01
"""Of the linear decoder of embeddings, times their mean squared size."""


def _fitted(decoder: Decoder, pairs: Pairs) -> Decoder:
    """W = (Z^T Z + r I)^-1 Z^T Y, both centered; Z: scaled embeddings, Y: what a body writes."""
    layer = decoder.get_submodule("body.0")
    if not isinstance(layer, torch.nn.Linear):
        raise UsageError(f"a decoder of the kind {decoder.design.kind} is not fitted")
    with torch.no_grad():
        z = (pairs.features.float() - decoder.mean) * decoder.scale
        y = (pairs.pictures.flatten(1).float() / 255 - GREY) / CONTRAST
        mean_z, mean_y = z.mean(0), y.mean(0)
        z, y = (z - mean_z).double(), y - mean_y
        products = z.T @ z
        products.diagonal().add_(_RIDGE * products.diagonal().mean() + _TINY)
        weight: Tensor = torch.linalg.solve(products, (z.T.float() @ y).double()).T.float()
        layer.weight.copy_(weight)
        layer.bias.copy_(mean_y - weight @ mean_z)
    return decoder


def _chance(p: ShadowTraining, number: int) -> np.random.Generator:
    """Randomness of one update: the same when the training is gone on with."""
    return np.random.default_rng([p.seed, number])


def _drawn(pairs: Pairs, chance: np.random.Generator, p: ShadowTraining) -> tuple[Tensor, Images]:
    """Random pairs, of maps the same piece, and of pictures what lies there."""
    rows = torch.from_numpy(chance.integers(len(pairs.features), size=p.batch))
    z, x = pairs.features[rows], pairs.pictures[rows]
    if z.dim() == 4:
        cell = x.shape[-1] // z.shape[-1]
        side = max(p.piece, LEAST_PIECE) if p.piece else max(z.shape[2:])
        aligned = tuple(x.shape[-2:]) == (cell * z.shape[-2], cell * z.shape[-1])
        if aligned and cell & (cell - 1) == 0 and side < min(z.shape[2:]):
            top, left = (int(chance.integers(size - side + 1)) for size in z.shape[2:])
            z = z[:, :, top : top + side, left : left + side]
            x = x[:, :, cell * top : cell * (top + side), cell * left : cell * (left + side)]
        z = z.float().contiguous(memory_format=torch.channels_last)
    return z.float(), x.float().div_(255)


def digest_of(pairs: Pairs, p: ShadowTraining) -> bytes:
    """Of all that a training depends on."""
    digest = sha256(f"{p} {tuple(pairs.features.shape)}".encode())
    digest.update(pairs.pictures.contiguous().numpy().tobytes())
    for rows in torch.split(pairs.features, 64):
        digest.update(rows.contiguous().numpy().tobytes())
    return digest.digest()
