"""Training a key network as an identity autoencoder, so that it can be stopped and gone on with.

    minimize MSE(G(x), x) over pieces of photos           Adam, the rate falling by half a cosine

Which pieces it sees, and where it starts from, follow from a secret seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import UInt8
from safetensors.torch import save
from torch import Tensor

from anamorph.app.train import adam
from anamorph.errors import UsageError
from anamorph.losses import mse
from anamorph.models.device import CPU, device_in
from anamorph.models.networks import generator
from anamorph.models.networks.generator import Generator
from anamorph.parameters import check, knob

SEED_SIZE = 32
"""Bytes of a seed."""

Photos: TypeAlias = UInt8[Tensor, "n 3 h w"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTraining:
    """How a key network is trained."""

    updates: int = knob(600, "Updates of the weights.", at_least=1)
    batch: int = knob(8, "Pieces of photos in each.", at_least=1)
    side: int = knob(32, "Height and width of a piece, in pixels.", at_least=8)
    rate: float = knob(2e-3, "First learning rate; it falls by half a cosine.", above=0)

    def __post_init__(self) -> None:
        check(self)


class Trained(NamedTuple):
    """Where a training stands."""

    network: Generator
    optimizer: torch.optim.Adam
    seed: bytes
    """A secret: who has it and the photos has the key."""
    done: int


Watch: TypeAlias = Callable[[float], None]
"""Called after each update with the loss before it; raise to stop."""


def begin(seed: bytes, p: KeyTraining, device: torch.device = CPU) -> Trained:
    """A network before its first update.

    Args:
        seed: 32 random bytes.
        p: how it will be trained.
        device: where it is to learn.
    """
    network = generator.fresh(_chance(seed, 0)).to(device)
    return Trained(network, torch.optim.Adam(network.parameters(), lr=p.rate), seed, 0)


def advance(trained: Trained, photos: Photos, upto: int, p: KeyTraining, watch: Watch) -> Trained:
    """Train on until `upto` updates are done; the network given goes on, it is not copied.

    Args:
        trained: where the training stands.
        photos: what it learns from.
        upto: at most `p.updates`.
        p: how.
        watch: called after each update.
    """
    network, optimizer = trained.network, trained.optimizer
    for number in range(trained.done, upto):
        x = _pieces(photos, _chance(trained.seed, number + 1), p).to(device_in(network))
        loss = mse(network(x), x).mean()
        adam.update(optimizer, loss, p.rate, number, p.updates)
        watch(loss.item())
    return trained._replace(done=max(trained.done, upto))


def dump(trained: Trained, photos: Photos, p: KeyTraining) -> bytes:
    """All that is needed to go on, as the bytes of a safetensors file; secret, as the key is."""
    state = {
        f"network.{name}": t.detach().cpu() for name, t in trained.network.state_dict().items()
    }
    state |= adam.state_of(trained.optimizer)
    state["seed"] = torch.frombuffer(bytearray(trained.seed), dtype=torch.uint8)
    state["done"] = torch.tensor(trained.done)
    state["run"] = torch.frombuffer(bytearray(_digest(photos, p)), dtype=torch.uint8)
    return save(state)


def load(
    data: bytes, name: str, photos: Photos, p: KeyTraining, device: torch.device = CPU
) -> Trained:
    """Where a training stood when it was dumped.

    Raises:
        WeightsError: damaged.
        UsageError: a finished key, or a training with other photos or parameters.
    """
    state = generator.tensors(data, name)
    try:
        if state["run"].numpy().tobytes() != _digest(photos, p):
            raise UsageError(
                f"{name}: is of a training with other pictures or steps; give the same, or remove "
                "it to begin anew"
            )
        trained = begin(state["seed"].numpy().tobytes(), p, device)
        trained.network.load_state_dict(adam.below(state, "network."))
        adam.restore(trained.optimizer, state)
        return trained._replace(done=int(state["done"]))
    except (KeyError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name}: is no unfinished training; remove it to begin anew") from error


def _chance(seed: bytes, number: int) -> np.random.Generator:
    """Randomness of one update: the same when the training is gone on with."""
    return np.random.default_rng([*np.frombuffer(seed, "<u4").tolist(), number])


def _pieces(photos: Photos, chance: np.random.Generator, p: KeyTraining) -> Tensor:
    """Random pieces of random photos, in [0, 1]."""
    height, width = photos.shape[-2:]
    side = min(p.side, height, width)
    which = chance.integers(len(photos), size=p.batch)
    tops = chance.integers(height - side + 1, size=p.batch)
    lefts = chance.integers(width - side + 1, size=p.batch)
    pieces = [
        photos[n, :, top : top + side, left : left + side]
        for n, top, left in zip(which, tops, lefts, strict=True)
    ]
    return torch.stack(pieces).float().div_(255)


def _digest(photos: Photos, p: KeyTraining) -> bytes:
    """Of all that a training depends on but its seed."""
    about = f"{p} {tuple(photos.shape)}".encode()
    return sha256(about + photos.contiguous().numpy().tobytes()).digest()
