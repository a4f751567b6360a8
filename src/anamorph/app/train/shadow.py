"""Train shadows and attackers: networks that reconstruct faces from a recognizer's features."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph import __version__
from anamorph.app.records import rounded
from anamorph.app.train import saving, shadow_training
from anamorph.app.train.pictures import seen_by
from anamorph.app.train.shadow_training import Pairs, Pictures, ShadowTraining, Trained, Watch
from anamorph.errors import UsageError
from anamorph.files.folders import Sources
from anamorph.files.write import write_whole, writing
from anamorph.metrics.image import ssim
from anamorph.models import Model
from anamorph.models.networks import decoders
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import Split, split
from anamorph.templates.files import open_file

HELD_OUT = 20
"""Every so manieth picture is not learned from; the report is of these."""

_BATCH = 32
_MOST_TESTED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainShadowReport:
    """What was trained."""

    file: str
    kind: str
    layer: str
    """Where the recognizer is cut; empty for its embeddings."""
    feature: Sequence[int]
    """Shape of one."""
    parameters: dict[str, Any]
    pictures: int
    """How many the decoder learned from."""
    skipped: Sequence[str]
    """Those that could not be read, and why."""
    tested: int
    """How many were kept from it."""
    ssim: float | None
    """Mean over these; people may be in both. None where too few were given to keep any."""
    seconds: float
    anamorph: str = __version__

    def as_json(self) -> dict[str, Any]:
        """The contract of `train shadow --json` and `train attacker --json`."""
        return rounded(asdict(self))


def train_shadow(
    sources: Sources,
    recognizer: Model,
    out: str | Path,
    *,
    parameters: ShadowTraining | None = None,
    layer: str | None = None,
    embeddings: bool = False,
    records: Tensor | None = None,
    start: Decoder | None = None,
    resume: bool = False,
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
) -> TrainShadowReport:
    """Train a decoder on the features of pictures, and write it as a safetensors file.

    On the way the training is saved beside the file.

    Args:
        sources: pictures and folders of them, of people who are not in the store.
        recognizer: whose features are decoded; the decoder learns on its device.
        out: the file, which must not exist.
        parameters: how the decoder is trained.
        layer: where the recognizer is cut; by default at the first tap of its card.
        embeddings: decode its output instead.
        records: (n, ...) protected features of the pictures, in the order of their paths, for an
            attacker who adapts; by default the recognizer's own clean features.
        start: a decoder that learns on; its kind stays.
        resume: go on with a training that was stopped.
        found: called once with the number of updates to come.
        watch: called after each of them with the loss; raise `Cancelled` to stop.

    Raises:
        UsageError: no pictures, records that are not theirs, a kind that does not decode such
            features, or a training that is not to be resumed, or was another one.
        ModelError: the recognizer cannot be cut there.
        NotWritten: the file exists, or the disk refuses.
    """
    began = time.perf_counter()
    out, p = Path(out), parameters or ShadowTraining()
    saved = saving.beside(out, resume=resume)
    cut = None if embeddings else split(recognizer, layer)
    shown, _, skipped = seen_by(recognizer, sources, out)
    features = _features(shown, recognizer, cut) if records is None else records
    if len(features) != len(shown):
        raise UsageError(
            f"{len(features)} records and {len(shown)} pictures that could be read; give a record "
            "for each, in the order of their paths"
        )
    every = min(HELD_OUT, max(len(shown), 3))  # two at least are learned from
    tested = torch.arange(len(shown)) % every == every - 1
    pairs = Pairs(features[~tested], shown[~tested])
    if saved.exists():
        trained = shadow_training.load(saving.read(saved), str(saved), pairs, p, recognizer.device)
    else:
        trained = shadow_training.begin(pairs, p, start, recognizer.device)
    if found is not None:
        found(p.updates - trained.done)

    def advance(trained: Trained, upto: int) -> Trained:
        return shadow_training.advance(trained, pairs, upto, p, watch or saving.unwatched)

    def save(trained: Trained) -> None:
        write_whole(saved, shadow_training.dump(trained), overwrite=True)

    trained = saving.to_the_end(trained, p.updates, advance, save)
    write_whole(out, decoders.dump(trained.decoder))
    with writing(saved):
        saved.unlink(missing_ok=True)
    rows = tested.nonzero()[:, 0]
    rows = rows[:: -(-len(rows) // _MOST_TESTED) or 1]
    return TrainShadowReport(
        file=str(out),
        kind=trained.decoder.design.kind,
        layer="" if cut is None else cut.layer,
        feature=list(features.shape[1:]),
        parameters=asdict(p),
        pictures=len(pairs.pictures),
        skipped=skipped,
        tested=len(rows),
        ssim=_quality(read_decoder(out), features[rows], shown[rows]) if len(rows) else None,
        seconds=time.perf_counter() - began,
    )


def read_decoder(path: str | Path) -> Decoder:
    """A decoder from the file that `train_shadow` wrote.

    Raises:
        FileError: the file cannot be read.
        WeightsError: it holds no decoder.
    """
    return decoders.load(saving.read(Path(path)), str(path))


def read_records(path: str | Path) -> Tensor:
    """Protected features (n, ...) from a file: `.npy`, `.npz` or `.parquet`.

    Raises:
        UsageError: no features in it.
        FileError: the file cannot be read.
    """
    batches = open_file(Path(path)).batches(_BATCH)
    return torch.cat([torch.from_numpy(np.array(batch.features)) for batch in batches])


def _features(shown: Pictures, recognizer: Model, cut: Split | None) -> Tensor:
    """In half precision where they are maps: they are many."""
    read_by = recognizer.output if cut is None else cut.head
    with torch.no_grad():
        parts = [read_by(part.float().div_(255)) for part in torch.split(shown, _BATCH)]
        return torch.cat(parts if cut is None else [part.half() for part in parts])


def _quality(decoder: Decoder, features: Tensor, pictures: Pictures) -> float:
    with torch.no_grad():
        guesses = decoder(features.float()).clamp(0, 1)
    return ssim(guesses, pictures.float().div_(255)).mean().item()
