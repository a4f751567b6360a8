"""The records of a store, beside the pictures that they were made of."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anamorph.app.audit.shielded.extracting import (
    Extractor,
    Faces,
    evenly,
    extractor,
    faces_in,
)
from anamorph.app.audit.shielded.pairing import Album, Portrayed, album_of, some
from anamorph.app.shield.stores import Place, opened
from anamorph.auditing.shielded.result import Missed
from anamorph.auditing.wording import counted
from anamorph.errors import UsageError
from anamorph.files.photo import Limits
from anamorph.models import Model
from anamorph.templates.checking import check_shape
from anamorph.templates.files import FileStore
from anamorph.templates.role import Mark, Store

MOST = 1000
"""Records that are looked at; of more pictures, evenly chosen ones are taken."""

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stolen:
    """What a thief has, and what it is of. All rows in one order."""

    name: str
    rows: int
    mark: Mark
    made_by: Extractor
    pictures: tuple[Portrayed, ...]
    faces: Faces
    """The pictures and their clean features."""
    records: Tensor
    """(n, ...) what is stored."""
    missed: tuple[Missed, ...]
    notes: tuple[str, ...]

    @property
    def clean(self) -> Tensor:
        """(n, ...) clean features."""
        return self.faces.features


@dataclass(slots=True, eq=False)
class _Row:
    id: str
    mark: Mark
    feature: Tensor


def stolen(
    place: Place,
    pictures: Path,
    model: Model,
    layer: str | None,
    limits: Limits,
    plain: Path | None = None,
    tail: Path | None = None,
) -> Stolen:
    """Read the records whose pictures are there.

    Args:
        place: the store.
        pictures: the folder of the pictures.
        model: the recognizer.
        layer: where it is cut; see `extractor`.
        limits: on bytes and pixels.
        plain: a file of clean features, with the store's names of rows; by default the recognizer
            makes them of the pictures.
        tail: reads shielded maps; see `extractor`.

    Raises:
        UsageError: nothing pairs, or features that are not this recognizer's.
        FileError, StoreFailed: something cannot be read.
    """
    shown = album_of(pictures, "--pictures")
    with opened(place) as store:
        made_by = extractor(model, layer, store.shape, store.name, tail)
        found = dict(_rows(store, shown, made_by))
        rows, name = sum(store.marks().values()), store.name
    if not found:
        raise UsageError(_nothing(shown, name))
    mark = Counter(row.mark for row in found.values()).most_common(1)[0][0]
    chosen = {n: row for n, row in sorted(found.items()) if row.mark == mark}
    faces = faces_in([shown.pictures[n].path for n in chosen], made_by, limits)
    kept = [list(chosen)[i] for i in faces.read]
    records = torch.stack([chosen[n].feature for n in kept])
    if plain is not None:
        faces = faces._replace(features=_plain(plain, [chosen[n].id for n in kept], made_by))
    if made_by.cut is None and _unit(records) and not _unit(faces.features):
        normal = torch.nn.functional.normalize(faces.features, dim=1)
        faces = faces._replace(features=normal)
    return Stolen(
        name=name,
        rows=rows,
        mark=mark,
        made_by=made_by,
        pictures=tuple(shown.pictures[n] for n in kept),
        faces=faces,
        records=records,
        missed=(*shown.missed, *_without_a_row(shown, found), *faces.missed),
        notes=tuple(_notes(rows, shown, found, mark)),
    )


def _rows(store: Store, shown: Album, made_by: Extractor) -> Iterator[tuple[int, _Row]]:
    """The rows that have a picture, by its number."""
    chosen = set(evenly([picture.path for picture in shown.pictures], MOST))
    names, in_order = shown.by_name(), _in_order(store, shown)
    position = -1
    for ids, features, marks in store.batches(_BATCH):
        for id_, feature, mark in zip(ids, features, marks, strict=True):
            position += 1
            number = position if in_order else names.get(str(id_))
            if number is not None and shown.pictures[number].path in chosen:
                row = torch.from_numpy(np.array(feature)).view(made_by.shape)
                yield number, _Row(str(id_), mark, made_by.kept(row))


def _in_order(store: Store, shown: Album) -> bool:
    """Whether the rows have no names, so that they are those of the sorted pictures."""
    if not (isinstance(store, FileStore) and isinstance(store.table.ids, range)):
        return False
    if len(store.table.ids) != len(shown.pictures):
        raise UsageError(
            f"{store.name}: {len(store.table.ids)} rows without names and {len(shown.pictures)} "
            f"pictures in {shown.folder}; give a picture for each, in the order of their paths, or "
            "a .npz or .parquet file that names its rows"
        )
    return True


def _plain(path: Path, ids: list[str], made_by: Extractor) -> Tensor:
    with opened(Place(where=path)) as store:
        found = store.find(ids).features
    if found.ndim == 2 and len(made_by.shape) > 1:
        found = found.reshape(len(found), *made_by.shape)
    check_shape(found.shape[1:], made_by.shape, str(path))
    return made_by.kept(torch.from_numpy(found))


def _unit(features: Tensor) -> bool:
    return bool((features.float().norm(dim=1) - 1).abs().max() < 1e-3)


def _nothing(shown: Album, name: str) -> str:
    names = [picture.path.name for picture in shown.pictures]
    return (
        f"{name}: no row is called like a picture in {shown.folder} ({some(names)}); rows are "
        "named by the picture's file, with or without its suffix, as `templates enroll` does; name "
        "the column of names with --id"
    )


def _without_a_row(shown: Album, found: Mapping[int, _Row]) -> Iterator[Missed]:
    if len(shown.pictures) > MOST:
        return
    for number, picture in enumerate(shown.pictures):
        if number not in found:
            yield Missed(picture=str(picture.path), reason="no row of the store is called like it")


def _notes(rows: int, shown: Album, found: Mapping[int, _Row], mark: Mark) -> Iterator[str]:
    if len(shown.pictures) > MOST:
        yield f"{MOST} of {len(shown.pictures)} pictures were looked at, evenly chosen"
    elif rows > len(found):
        yield f"{counted(rows - len(found), 'row')} of the store without a picture: not looked at"
    others = Counter(row.mark for row in found.values() if row.mark != mark)
    if others:
        told = ", ".join(f"{n} with {m or 'no shield'}" for m, n in others.items())
        yield f"rows that carry something else were left out: {told}"
