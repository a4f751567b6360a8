"""Probes: features from a file or from photos, in the form that stored ones are compared in."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from anamorph.app.shield.keyed import NAME, keyed
from anamorph.errors import UsageError
from anamorph.keys.key import Key
from anamorph.templates.files import FORMATS, open_file
from anamorph.templates.role import Features, Mark, Probes, Records, Source, mark

_BATCH = 4096


def probes_in(
    files: Sequence[Path],
    recognizer: str | None = None,
    *,
    device: str = "cpu",
    column: str = "",
    id_: str = "",
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> Records:
    """The features of files, or of photos that a recognizer looks at.

    Args:
        files: files of features; or photos and folders of them, each called as it is below the
            folder given, without the suffix.
        recognizer: the model for photos: a card or a spec.
        device: where the recognizer computes.
        column: what the features are called in a file.
        id_: what the names of its rows are called.
        found: called once with the number of photos.
        watch: called with the number of photos that are done.

    Raises:
        UsageError: photos without a recognizer, or with a classifier; no such device.
        FileError, ModelError: a file or the model cannot be loaded.
    """
    if recognizer is not None:
        from anamorph.app.shield.photos import embedding_of, features_in
        from anamorph.models import load

        return features_in(
            files, embedding_of(load(recognizer, device=device)), found=found, watch=watch
        )
    strange = [str(f) for f in files if f.suffix not in FORMATS]
    if strange:
        raise UsageError(
            f"{', '.join(strange)}: not a file of features ({', '.join(FORMATS)}); for photos name "
            "the model that reads them with --recognizer"
        )
    parts = [part for f in files for part in open_file(f, column, id_).batches(_BATCH)]
    widths = {part.features.shape[1:] for part in parts}
    if len(widths) > 1:
        raise UsageError(f"the files hold features of several shapes: {sorted(widths)}")
    return Records(
        [i for part in parts for i in part.ids],
        np.concatenate([part.features for part in parts]),
        [m for part in parts for m in part.marks],
    )


def compared(features: Records, row: int, source: Source, key: Key | None) -> Probes:
    """One probe in the form for each mark of a store.

    A keyed row is compared with the rotated probe, a row that AdvFace or a decoy shields with the
    plain one. A probe that carries a mark itself is compared with rows of the same mark alone.

    Raises:
        UsageError: the store holds keyed rows and no key is given.
        BadKey: the key is of another kind.
    """
    probe, own = features.features[row : row + 1], features.marks[row]
    if own is not None:
        return {own: probe}
    probes: dict[Mark, Features] = {
        m: probe for m in source.marks() if m is None or not m.startswith(f"{NAME}/")
    }
    if key is not None:
        shielding = keyed(key)
        probes[mark(shielding)] = shielding(probe)
    elif len(probes) < len(source.marks()):
        raise UsageError(
            f"{source.name}: its rows are rotated by a key; give it with --key, so that the probe "
            "can be rotated too"
        )
    return probes
