"""Real faces for the shield benchmark: some people are tested on, all others learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from benchmarks.faces import ARCHIVE
from PIL import Image
from torch import Tensor

from anamorph.models.split import Split
from anamorph.types import Images

PAIRS = Path("faces", "lfw_pairs.txt")
FOLDS, PAIRS_A_FOLD = 10, 600

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that are compared: the first is stored, the second probes."""

    stored: str
    probe: str
    same: bool


@dataclass(frozen=True)
class Faces:
    """Pictures by name, parted by people."""

    archive: Path
    tested: tuple[Pair, ...]
    """Pairs of the last folds."""
    learned: tuple[str, ...]
    """Pictures of everybody else, in an order of their own."""

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """The pictures whose features are on file."""
        return tuple(dict.fromkeys(pair.stored for pair in self.tested))

    @cached_property
    def probes(self) -> tuple[str, ...]:
        """The pictures that ask."""
        return tuple(dict.fromkeys(pair.probe for pair in self.tested))

    def pictures(self, names: Sequence[str]) -> Tensor:
        """(n, 3, 112, 112) in 8 bits."""
        with ZipFile(self.archive) as archive:
            arrays = [
                np.asarray(Image.open(BytesIO(archive.read(name))).convert("RGB")) for name in names
            ]
        return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()


def faces(data: Path, folds: int, pairs: int) -> Faces:
    """The split.

    Args:
        data: the folder of real data.
        folds: how many of the ten are tested on; their people are nobody else's.
        pairs: how many pairs of them at most, evenly chosen.
    """
    lines = (data / PAIRS).read_text(encoding="utf-8").splitlines()[1:]
    tested = [_pair(line) for line in lines[(FOLDS - folds) * PAIRS_A_FOLD :]]
    people = {_person(name) for pair in tested for name in (pair.stored, pair.probe)}
    with ZipFile(data / ARCHIVE) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
    others = [name for name in names if _person(name) not in people]
    order = np.random.default_rng(0).permutation(len(others))
    chosen = tested[:: -(-len(tested) // pairs)]
    return Faces(data / ARCHIVE, tuple(chosen), tuple(others[i] for i in order))


def maps(cut: Split, pictures: Tensor) -> Tensor:
    """The features of pictures in half precision: they are many."""
    with torch.no_grad():
        return torch.cat([cut.head(part).half() for part in as_images(pictures)])


def answers(cut: Split, features: Tensor) -> Tensor:
    """The embeddings of features."""
    with torch.no_grad():
        return torch.cat([cut.tail(part.float()) for part in torch.split(features, _AT_ONCE)])


def as_images(pictures: Tensor) -> list[Images]:
    """8-bit pictures as batches in [0, 1]."""
    return [part.float().div_(255) for part in torch.split(pictures, _AT_ONCE)]


def same_person(first: str, second: str) -> bool:
    """Whether two pictures are of one person."""
    return _person(first) == _person(second)


def _pair(line: str) -> Pair:
    fields = line.split("\t")
    other = fields[0] if len(fields) == 3 else fields[2]
    return Pair(_name(fields[0], fields[1]), _name(other, fields[-1]), len(fields) == 3)


def _name(person: str, number: str) -> str:
    return f"{person}_{int(number):04d}.jpg"


def _person(name: str) -> str:
    return name.rpartition("_")[0]
