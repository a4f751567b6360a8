"""From pictures to what is stored of them, and from there to what the matcher compares."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from anamorph import portraits
from anamorph.app.audit.shielded.pairing import album_of
from anamorph.app.images import as_images
from anamorph.app.train.pictures import sized
from anamorph.app.train.shadow_training import Pictures
from anamorph.app.train.tail import read_tail
from anamorph.auditing.shielded.result import Missed
from anamorph.errors import FileError, UsageError
from anamorph.files.photo import Limits, read
from anamorph.models import Model
from anamorph.models.preprocess import example
from anamorph.models.split import Split, split
from anamorph.types import Images

_AT_ONCE = 32

_FIRST = 10_000
"""The first portrait that attackers learn from: nobody whom decoys are taken from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extractor:
    """The recognizer, parted where features are stored. Make one with `extractor`."""

    model: Model
    cut: Split | None
    """None where its embeddings are stored."""
    shape: tuple[int, ...]
    """Of one feature."""
    trained: Split | None = None
    """With a tail that has learned to read shielded maps."""

    @property
    def layer(self) -> str:
        """Where the recognizer is cut; empty for its embeddings."""
        return "" if self.cut is None else self.cut.layer

    def features(self, images: Images) -> Tensor:
        """What is stored of pictures; differentiable."""
        return self.model.output(images) if self.cut is None else self.cut.head(images)

    def embeddings(self, features: Tensor) -> Tensor:
        """(n, k) what the matcher compares of clean features."""
        return _answers(self.cut, features)

    def stored(self, features: Tensor) -> Tensor:
        """(n, k) what it compares of a shielded store: by the trained tail, if there is one."""
        return _answers(self.trained or self.cut, features)

    def kept(self, features: Tensor) -> Tensor:
        """As features are kept in memory: maps in half precision, since they are large."""
        return features.float() if self.cut is None else features.half()


class Faces(NamedTuple):
    """Pictures with their features."""

    pictures: Pictures
    features: Tensor
    read: list[int]
    """Which of the paths could be read."""
    missed: tuple[Missed, ...]


def extractor(
    model: Model,
    layer: str | None,
    shape: tuple[int, ...],
    where: str,
    tail: Path | None = None,
) -> Extractor:
    """The recognizer parted so that it makes features of the store's shape.

    Args:
        model: the recognizer.
        layer: where it is cut; by default its embeddings or the first tap of its card, whichever
            the features fit.
        shape: of a stored feature; a map may be stored as a row of its values.
        where: the store, for messages.
        tail: reads shielded maps, from `anamorph train tail`.

    Raises:
        UsageError: features of another shape, or a recognizer that does not embed.
        LayerNotFound, ModelError: it cannot be cut there.
    """
    if model.task != "embed":
        raise UsageError(f"{model.name} is for the task {model.task}; --recognizer must embed")
    with torch.no_grad():
        width = model.output(example(model.input)).shape[1]
    trained = None if tail is None else read_tail(tail, model)
    if trained is not None and layer not in (None, trained.layer):
        raise UsageError(f"{tail}: begins at {trained.layer}, not at {layer}; leave --layer out")
    layer = layer if trained is None else trained.layer
    if layer is None and shape == (width,):
        return Extractor(model=model, cut=None, shape=shape)
    told = f"{model.name} makes embeddings of {width} values"
    if layer is not None or model.taps:
        cut = split(model, layer)
        if shape in (cut.shape, (prod(cut.shape),)):
            return Extractor(model=model, cut=cut, shape=cut.shape, trained=trained)
        told += f" and maps of {_size(cut.shape)} at {cut.layer!r}"
    raise UsageError(
        f"{where}: features of {_size(shape)}, but {told}; name the layer they are of with "
        "--layer, or give the recognizer that made them"
    )


def faces_in(paths: Sequence[Path], made_by: Extractor, limits: Limits) -> Faces:
    """Read pictures one by one, as a matcher would; what cannot be read is named.

    Args:
        paths: the pictures.
        made_by: makes the features, at the pictures' own resolution.
        limits: on bytes and pixels.
    """
    pictures, features, good, missed = [], [], [], []
    for number, path in enumerate(paths):
        try:
            image = as_images(read(path, limits).pixels)[:, :3]
        except FileError as error:
            missed.append(Missed(picture=str(path), reason=str(error)))
            continue
        with torch.no_grad():
            features.append(made_by.kept(made_by.features(image)))
        pictures.append(sized(image, made_by.model))
        good.append(number)
    if not good:
        why = f": {missed[0].reason}" if missed else ""
        raise UsageError(f"no picture could be read{why}")
    return Faces(torch.cat(pictures), torch.cat(features), good, tuple(missed))


def known_faces(
    folder: Path | None, made_by: Extractor, most: int, limits: Limits
) -> tuple[Faces, str]:
    """The pictures that attackers learn from, and what to call them.

    Args:
        folder: of people who are not in the store; None takes portraits of people who don't exist.
        made_by: makes the features.
        most: pictures; of more, evenly chosen ones are taken.
        limits: on bytes and pixels.
    """
    if folder is None:
        size = max(made_by.model.input.size)
        drawn = portraits.dataset(range(_FIRST, _FIRST + most), range(1), size=size).images
        shown = torch.from_numpy(np.ascontiguousarray(drawn.transpose(0, 3, 1, 2)))
        shown = torch.cat(
            [sized(p.float().div(255), made_by.model) for p in torch.split(shown, _AT_ONCE)]
        )
        faces = Faces(shown, features_of(shown, made_by), list(range(most)), ())
        return faces, "portraits of people who do not exist"
    paths = [picture.path for picture in album_of(folder, "--known").pictures]
    return faces_in(evenly(paths, most), made_by, limits), str(folder)


def features_of(pictures: Pictures, made_by: Extractor) -> Tensor:
    """Of 8-bit pictures at the recognizer's size."""
    with torch.no_grad():
        parts = torch.split(pictures, _AT_ONCE)
        return torch.cat([made_by.kept(made_by.features(p.float().div(255))) for p in parts])


def evenly(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many, from all of them.

    Example:
        >>> evenly(["a", "b", "c", "d", "e"], 3)
        ['a', 'c', 'e']
    """
    if len(paths) <= most:
        return list(paths)
    return [paths[round(i)] for i in np.linspace(0, len(paths) - 1, most)]


def _answers(cut: Split | None, features: Tensor) -> Tensor:
    if cut is None:
        return features.float()
    with torch.no_grad():
        return torch.cat([cut.tail(part.float()) for part in torch.split(features, _AT_ONCE)])


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) + " values"
