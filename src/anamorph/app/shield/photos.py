"""Put pictures of faces behind a shield: their features are made, shielded and stored at once."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from anamorph.app.images import as_images
from anamorph.app.shield.file import BATCH
from anamorph.app.shield.report import ShieldReport
from anamorph.app.shield.stopwatch import Timed
from anamorph.errors import AnamorphError, FileError, NotWritten, UsageError
from anamorph.files.folders import Sources, each_of, find
from anamorph.files.photo import Limits, read
from anamorph.files.write import writing
from anamorph.models import Model
from anamorph.models.split import split
from anamorph.templates.checking import check_rows
from anamorph.templates.files import check_new, write_rows
from anamorph.templates.role import Features, Records, Shielding, mark
from anamorph.types import Images

Encoder: TypeAlias = Callable[[Images], Tensor]
"""Makes features (n, ...) of pictures."""


Told: TypeAlias = Callable[[Path, str], None]
"""Told of a picture, and why it is skipped; of a stored one nothing."""


_NOWHERE = Path(os.devnull, "rows")


class NothingRead(UsageError):
    """None of the pictures can be read."""


class Named(NamedTuple):
    """A picture, and what its row is called."""

    name: str
    source: Path


def shield_photos(
    sources: Sources,
    out: str | Path,
    shielding: Shielding,
    recognizer: Model,
    *,
    layer: str | None = None,
    embeddings: bool = False,
    batch: int = BATCH,
    dry_run: bool = False,
    limits: Limits | None = None,
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
    told: Told | None = None,
) -> ShieldReport:
    """Write a new file with the shielded features of pictures; plain ones never reach the disk.

    A row is called as its picture is below the folder given, without the suffix. A picture that
    cannot be read is skipped and named in the report; the file appears whole or not at all.

    Args:
        sources: pictures and folders of them, aligned as the recognizer wants its faces.
        out: the new file.
        shielding: what to make of the features.
        recognizer: makes the features.
        layer: where it is cut; by default at the first tap of its card.
        embeddings: store its output instead.
        batch: pictures that are shielded at once.
        dry_run: write nothing; read all pictures, and say what would be done.
        limits: bounds for reading pictures.
        found: called once with the number of pictures.
        watch: called with the number of pictures that are done; raise `Cancelled` to stop.
        told: called with every picture and why it is skipped, or nothing.

    Raises:
        UsageError: no picture can be read, two would have one name, or the features cannot be
            shielded.
        ModelError: the recognizer cannot be cut there, or does not embed.
        NotWritten: the file exists, or the disk refuses.
    """
    if batch < 1:
        raise UsageError(f"a batch of {batch} pictures; give 1 or more")
    began, out = time.perf_counter(), Path(out)
    check_new(out, maps=not embeddings)
    reader = embedding_of(recognizer) if embeddings else split(recognizer, layer).head
    named, skipped = _named(sources, out)
    if found is not None:
        found(len(named))
    shield, ids = Timed(shielding), list[str]()
    with writing(out), TemporaryFile(dir=_folder(out)) as rows:
        for first in range(0, len(named), batch):
            some = named[first : first + batch]
            names, features = _read(some, reader, limits or Limits(), skipped, told)
            if names and not (dry_run and shield.records):
                shielded = shield(features)
                shape = shielded.shape[1:]
                if not dry_run:
                    rows.write(np.ascontiguousarray(shielded, np.float32).tobytes())
            ids += names
            if watch is not None:
                watch(len(some))
        if not ids:
            raise NothingRead(f"no picture can be read: {skipped[0]}")
        if not dry_run:
            write_rows(out, ids, _stored(rows, (len(ids), *shape)), mark(shielding), batch)
    return ShieldReport(
        method=shielding.name,
        mark=mark(shielding),
        takes=None,
        source=", ".join(map(str, each_of(sources))),
        out=str(out),
        mode="pictures",
        state="planned" if dry_run else "done",
        rows=len(ids),
        shielded=len(ids),
        before=0,
        skipped=skipped,
        matching=shield.kept,
        shield_ms=shield.milliseconds,
        seconds=time.perf_counter() - began,
    )


def feature_in(photo: Path, reader: Encoder, limits: Limits | None = None) -> Features:
    """The feature (1, ...) of the picture in a file.

    Raises:
        FileError: the picture cannot be read.
        UsageError: what the reader makes of it is no feature.
    """
    with torch.no_grad():
        feature = reader(as_images(read(photo, limits or Limits()).pixels)[:, :3])
    out: Features = feature.float().numpy()
    check_rows([photo.stem], out, str(photo))
    return out


def features_in(
    sources: Sources,
    reader: Encoder,
    *,
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> Records:
    """The features of all pictures, each called as it is below the folder given, without suffix.

    Args:
        sources: pictures and folders of them.
        reader: makes the features.
        found: called once with the number of pictures.
        watch: called with the number of pictures that are done.

    Raises:
        FileError: a picture cannot be read.
        UsageError: what the reader makes of it is no feature, or two would have one name.
    """
    named, problems = _named(sources, _NOWHERE)
    if problems:
        raise FileError(problems[0])
    if found is not None:
        found(len(named))
    features = list[Features]()
    for _, source in named:
        features.append(feature_in(source, reader))
        if watch is not None:
            watch(1)
    return Records([name for name, _ in named], np.concatenate(features), [None] * len(named))


def _named(sources: Sources, out: Path) -> tuple[list[Named], list[str]]:
    """The pictures in the order of their paths, and what cannot be one."""
    named, skipped = dict[str, Path](), list[str]()
    for source in each_of(sources):
        listing = find(source, out, format="keep")
        if not listing.items and not listing.problems:
            raise UsageError(f"no pictures in {source}; check the path")
        skipped += [str(problem.error) for problem in listing.problems]
        for item in listing.items:
            name = item.output.relative_to(out).with_suffix("").as_posix()
            if named.setdefault(name, item.source) != item.source:
                raise UsageError(
                    f"{named[name]} and {item.source} would both be called {name!r}; rename one"
                )
    return [Named(*one) for one in sorted(named.items(), key=lambda one: one[1])], skipped


def embedding_of(recognizer: Model) -> Encoder:
    """What makes embeddings of pictures.

    Raises:
        UsageError: a classifier.
    """
    if recognizer.task != "embed":
        raise UsageError(
            f"{recognizer.name} is for the task {recognizer.task}; --recognizer must embed"
        )
    return recognizer.output


def _read(
    some: Sequence[Named],
    reader: Encoder,
    limits: Limits,
    skipped: list[str],
    told: Told | None,
) -> tuple[list[str], Features]:
    names, features = list[str](), list[Features]()
    for name, source in some:
        try:
            features.append(feature_in(source, reader, limits))
            names.append(name)
            why = ""
        except AnamorphError as error:
            why = str(error)
            skipped.append(why)
        if told is not None:
            told(source, why)
    return names, np.concatenate(features) if features else np.empty((0, 1), np.float32)


def _stored(rows: IO[bytes], shape: tuple[int, ...]) -> Features:
    rows.flush()
    return np.memmap(rows, np.float32, "r", shape=shape)


def _folder(out: Path) -> Path:
    folder = out.absolute().parent
    if not folder.is_dir():
        raise NotWritten(f"{out}: its folder does not exist; make it")
    return folder
