"""Compare people in a store of feature maps: what the rest of the recognizer says of each map."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from anamorph.app.shield.photos import features_in
from anamorph.app.shield.probing import probes_in
from anamorph.app.train.tail import read_tail
from anamorph.errors import UsageError
from anamorph.models import Model, load
from anamorph.models.split import Split, split
from anamorph.templates.files import FORMATS, FileStore
from anamorph.templates.role import Features, Records, Store

_AT_ONCE = 32

Read: TypeAlias = Callable[[Features], Features]


def compared_by(
    recognizer: str | None,
    layer: str | None,
    tail: Path | None,
    store: Store,
    files: Sequence[Path],
    device: str = "cpu",
) -> tuple[Store, Records]:
    """A store and probes in a form that cosines say something of: embeddings.

    Embeddings are compared as they are stored. A stored map is read by the rest of the recognizer,
    or by the tail that has learned to read protected maps; so are probes.

    Args:
        recognizer: a card or a spec; for photos, and for stores of maps.
        layer: where it is cut; by default at the first tap of its card, or where the tail begins.
        tail: from `anamorph train tail`, for stores that are shielded with a large epsilon.
        store: where people are looked for.
        files: the probes: photos, or files of features.
        device: where the recognizer computes.

    Raises:
        UsageError: a store of maps without a recognizer, or a layer or tail for embeddings; no
            such device.
        FileError, ModelError: a file or the model cannot be loaded.
    """
    if len(store.shape) == 1:
        if layer is not None or tail is not None:
            raise UsageError(
                f"{store.name}: holds embeddings, which are compared as they are; leave --layer "
                "and --tail out"
            )
        return store, probes_in(files, recognizer, device=device)
    if recognizer is None:
        raise UsageError(
            f"{store.name}: holds feature maps, which say who somebody is only to the recognizer; "
            "name it with --recognizer"
        )
    cut = _cut(load(recognizer, device=device), layer, tail)
    return _read_store(store, cut), _read_probes(files, cut)


def _cut(model: Model, layer: str | None, tail: Path | None) -> Split:
    if tail is None:
        return split(model, layer)
    cut = read_tail(tail, model)
    if layer not in (None, cut.layer):
        raise UsageError(f"{tail}: begins at {cut.layer}, not at {layer}; leave --layer out")
    return cut


def _read_store(store: Store, cut: Split) -> FileStore:
    if not isinstance(store, FileStore):
        raise UsageError(f"{store.name}: maps are read from files only")
    if store.shape != cut.shape:
        raise UsageError(
            f"{store.name}: holds features of shape {store.shape}, but {cut.model.name} makes "
            f"{cut.shape} at {cut.layer}; name the layer they were taken at"
        )
    answers = [_answers(batch.features, cut) for batch in store.batches(_AT_ONCE)]
    return replace(store, table=replace(store.table, features=np.concatenate(answers)))


def _read_probes(files: Sequence[Path], cut: Split) -> Records:
    """Of photos, or of maps in files."""
    if all(f.suffix in FORMATS for f in files):
        maps = probes_in(files)
        return maps._replace(features=_answers(maps.features, cut))
    seen = features_in(files, cut.head)
    return seen._replace(features=_answers(seen.features, cut))


def _answers(maps: Features, cut: Split) -> Features:
    if maps.shape[1:] != cut.shape:
        raise UsageError(
            f"features of shape {maps.shape[1:]}, but {cut.model.name} makes {cut.shape} at "
            f"{cut.layer}; name the layer they were taken at"
        )
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(np.ascontiguousarray(maps)), _AT_ONCE)
        answers: Features = torch.cat([cut.tail(part) for part in parts]).numpy()
    return answers
