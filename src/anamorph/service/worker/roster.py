"""What a worker has at hand: the operator's models, keys and decoders, by their names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from anamorph.app.train.shadow import read_decoder
from anamorph.errors import UsageError
from anamorph.keys.key import Key
from anamorph.models import Model, load
from anamorph.models.device import CPU, device_of
from anamorph.models.networks.decoders import Decoder
from anamorph.service.keyring import Keyring, named
from anamorph.service.queue import Item
from anamorph.service.settings import Bounds, Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """All that requests may name. Make one with `open_roster`."""

    models: Mapping[str, Model]
    keys: Mapping[str, Key] = field(repr=False)
    shadows: Mapping[str, Decoder] = field(repr=False)
    keyring: Keyring = field(repr=False)
    folder: Path
    """Of all jobs."""
    bounds: Bounds
    device: torch.device = CPU
    """Where models are, and decoders compute."""

    def model(self, name: str) -> Model:
        """The model of that name.

        Raises:
            UsageError: there is none, or it was removed while the item waited.
        """
        return _at_hand(self.models, name, "model")

    def shadow(self, name: str) -> Decoder:
        """The decoder of that name.

        Raises:
            UsageError: there is none, or it was removed while the item waited.
        """
        return _at_hand(self.shadows, name, "shadow")

    def key(self, item: Item, stored: str | None) -> Key | None:
        """The key that was sent with a job, or the one it names, if any.

        Raises:
            BadKey: the one that was sent is forgotten.
            UsageError: the one that is named is not there, or was removed while the item waited.
        """
        if stored is not None:
            return _at_hand(self.keys, stored, "key")
        return None if item.secret is None else self.keyring.open(item.secret, item.job)

    def sources(self, item: Item) -> list[Path]:
        """The uploads of an item."""
        return [self.folder / item.job / name for name in item.files]

    def about(self) -> list[dict[str, Any]]:
        """What anyone may know of the models."""
        return [
            {
                "name": name,
                "task": model.task,
                "labels": len(model.labels),
                "height": model.input.size[0],
                "width": model.input.size[1],
                "protects": bool(model.taps) and model.task != "detect",
                "weights_sha256": model.weights_digest,
            }
            for name, model in self.models.items()
        ]


def _at_hand(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise UsageError(f"no {what} is called {name!r} here any more; choose another")
    return known[name]


def open_roster(settings: Settings, keyring: Keyring) -> Roster:
    """Load everything the settings name.

    Raises:
        ModelError, FileError, BadKey: something cannot be loaded.
        UsageError: there is no such device.
    """
    device = device_of(settings.device)
    return Roster(
        models={name: load(spec, device=device) for name, spec in settings.models.items()},
        keys={name: named(file) for name, file in settings.keys.items()},
        shadows={name: read_decoder(Path(file)) for name, file in settings.shadows.items()},
        keyring=keyring,
        folder=settings.jobs,
        bounds=settings.bounds,
        device=device,
    )
