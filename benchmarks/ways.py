"""The ways to hide that are measured: a kind of key with one of its presets, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from anamorph.app.audit.hidden.keys import forced as forced_pixels
from anamorph.app.audit.hidden.pairs import notice_of
from anamorph.app.hide.hide import PRESETS, Parameters
from anamorph.app.images import as_images
from anamorph.app.train.key import train_key
from anamorph.files.photo import Limits, content, decode, read
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.key import Key, Kind
from anamorph.models import Model
from anamorph.models.networks import generator, stranger
from anamorph.types import Images


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A row of the tables."""

    kind: Kind
    preset: str

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{self.kind} {self.preset}"

    @property
    def parameters(self) -> Parameters:
        """Of the preset."""
        return PRESETS[self.kind][self.preset]


WAYS = tuple(
    Way(kind=kind, preset=preset)
    for kind, presets in PRESETS.items()
    for preset in presets
    if preset != "paper-classifier"
)
"""What is measured on faces."""

PHOTO_WAYS = tuple(
    Way(kind=kind, preset=preset)
    for kind, presets in PRESETS.items()
    for preset in presets
    if preset != "paper"
)
"""What is measured on photos."""


def write_key(kind: Kind, path: Path) -> None:
    """Make the key of a run; a network is trained for minutes."""
    if kind == "network":
        train_key(path)
    else:
        key_file.write(keys.new(kind), path)


def another_key(kind: Kind) -> Key:
    """A random other key of the kind; of networks, one that anybody has."""
    if kind == "network":
        return keys.network_key(generator.dump(stranger.network()))
    return keys.new(kind)


def forced(path: Path, key: Key) -> Images | None:
    """What somebody gets who uses a key whatever the file says about it; None: it is refused.

    Raises:
        FileError: no hidden picture.
    """
    pixels = decode(content(path), path.name).pixels
    return forced_pixels(pixels, notice_of(path, Limits(), lambda _: None), key, Limits())


def picture(path: Path) -> Images:
    """A file's picture: (1, 3, h, w)."""
    return as_images(read(path).pixels)


def readings(model: Model, pictures: Sequence[Images]) -> Tensor:
    """(n, k): what a model says of pictures of any size, one by one as a user's model would."""
    with torch.no_grad():
        return torch.cat([model.output(one) for one in pictures])
