"""What attackers learn: decoders of clean features, of shielded ones, and of embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from anamorph.app.audit.shielded.extracting import Faces
from anamorph.app.train import shadow_training
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.models.device import CPU
from anamorph.models.networks import decoders
from anamorph.models.networks.decoder_bodies import MAP_KINDS
from anamorph.models.networks.decoders import Decoder
from anamorph.templates.role import Shielding

EFFORT = 5
"""A record takes about as long to shield as so many updates."""

FINE_TUNED = 400
"""Updates of a decoder that learns on, at most."""

_FAVORED = {"maps": ("unet", "linear", "residual", "deconvolution"), "embeddings": ("mlp", "ridge")}
_WIDTHS = {"deconvolution": 32, "residual": 16, "unet": 24, "linear": 1}
_WIDTH = 32
_SLOWER = 0.3  # of the rate from scratch
_RATE, _EMBEDDING_RATE = 6e-3, 2e-3
_UNSEEN = 2  # architectures
_AT_ONCE = 32


@dataclass(slots=True, kw_only=True)
class Meter:
    """How much of the work is done, told as it is; in the end exactly all of it."""

    watch: Callable[[int], None] | None
    total: int = 0
    done: int = 0

    def begin(self, total: int, found: Callable[[int], None] | None) -> None:
        """So much there is to do."""
        self.total = total
        if found is not None:
            found(total)

    def tell(self, count: int = 1) -> None:
        """So much more is done; 0 only asks whether to stop."""
        count = min(count, self.total - self.done)
        self.done += count
        if self.watch is not None:
            self.watch(count)

    def finish(self) -> None:
        """All the rest is done, or was not needed."""
        self.tell(self.total - self.done)


class Lessons(NamedTuple):
    """What attackers who adapt learn from."""

    pairs: Pairs
    """Shielded records with their pictures."""
    source: str


def unseen_kinds(shape: Sequence[int], shadows: Sequence[Decoder]) -> tuple[str, ...]:
    """Architectures that no shadow has, as far as there are such.

    Args:
        shape: of a feature.
        shadows: those that a shield misled.
    """
    favored = _FAVORED["maps" if len(shape) == 3 else "embeddings"]
    known = {shadow.design.kind for shadow in shadows}
    others = [kind for kind in favored if kind not in known]
    return tuple((others or list(favored))[:_UNSEEN])


def training(kind: str, updates: int, seed: int) -> ShadowTraining:
    """How attackers train a decoder of a kind."""
    width = _WIDTHS.get(kind, _WIDTH)
    rate = _RATE if kind in MAP_KINDS else _EMBEDDING_RATE
    return ShadowTraining(kind=kind, width=width, updates=updates, rate=rate, seed=seed)


def tuning(kind: str, updates: int, seed: int) -> ShadowTraining:
    """How they let a decoder of clean features learn on."""
    p = training(kind, min(updates, FINE_TUNED), seed)
    return replace(p, rate=_SLOWER * p.rate)


def trained(
    pairs: Pairs,
    p: ShadowTraining,
    meter: Meter,
    start: Decoder | None = None,
    device: torch.device = CPU,
) -> Decoder:
    """Train a decoder to the end.

    Args:
        pairs: what it learns from.
        p: how.
        meter: told of every update.
        start: a decoder that learns on.
        device: where it learns; what has learned is on the CPU.

    Raises:
        UsageError: too few pairs, or a start for other features.
    """
    at = shadow_training.begin(pairs, p, start, device)
    at = shadow_training.advance(at, pairs, p.updates, p, lambda _: meter.tell())
    return decoders.load(decoders.dump(at.decoder), "the decoder")


def lessons_of(known: Faces, shielding: Shielding, most: int, meter: Meter) -> Lessons:
    """Pictures of the attackers' own, shielded by them: the shielding is public.

    Args:
        known: their pictures and features.
        shielding: the same as the store's, with chance of their own.
        most: pictures that are shielded.
        meter: told of every record.
    """
    parts = []
    for part in torch.split(known.features[:most], _AT_ONCE):
        meter.tell(EFFORT * len(part))
        parts.append(torch.from_numpy(shielding(part.float().numpy())).to(part.dtype))
    return Lessons(
        Pairs(torch.cat(parts), known.pictures[:most]), "pictures they shielded themselves"
    )
