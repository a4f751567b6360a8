"""What attackers learn from many pairs of faces and the pictures that hide them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.faces import extract
from benchmarks.hide_files import HiddenFile, summary
from benchmarks.hide_run import fresh, hidden, scratch
from benchmarks.ways import Way, picture, readings

from anamorph.adversaries.hidden import ATTACKERS, Pairs
from anamorph.app.audit.hidden.keys import under_one_secret
from anamorph.app.audit.hidden.pairs import notice_of
from anamorph.files.photo import Limits
from anamorph.keys.key import Key
from anamorph.losses import cosine
from anamorph.methods.inversion import Inversion, inversion
from anamorph.methods.keeping import KeepDirection
from anamorph.metrics.image import psnr, ssim
from anamorph.metrics.readability import block_correlation, probe_r2
from anamorph.models import Model
from anamorph.optimize.engine import solve
from anamorph.types import Images

KNOWN = 0.8
"""Of the faces, the share that attackers have the originals of."""

COUNTS = (10, 25, 100, 1000)
"""How many pairs they have; no more than are known."""

INVERTED = 10
"""Faces that are made of what the service model reads."""

_SEED = 0


def attacked(
    way: Way, faces: Sequence[str], service: Model, judge: Model, data: Path, redo: bool
) -> dict[str, Any]:
    """Hide the faces, each under a subkey of its own, and let every attacker try."""
    folder = fresh(scratch("pairs", way), redo)
    run = hidden(extract(faces, folder / "faces", data), folder, way, service)
    originals = torch.cat([picture(f.source) for f in run.files])
    known, unseen = _split(Pairs(torch.cat([picture(f.output) for f in run.files]), originals))
    control = np.random.default_rng(_SEED).random(originals.shape, dtype=np.float32)
    noise, other_noise = _split(Pairs(torch.from_numpy(control), originals))
    figures = {
        "pictures": len(run.files),
        "known": len(known.hidden),
        "probe_r2": round(probe_r2(*known, *unseen), 4),
        "probe_r2_of_noise": round(probe_r2(*noise, *other_noise), 4),
        "subkey_each": _guesses(known, unseen, (COUNTS[0], COUNTS[-2], COUNTS[-1]), judge),
        "inversion": _inverted(service, judge, Pairs(*(part[:INVERTED] for part in unseen))),
    }
    if way.kind == "permuted":
        shared = torch.cat(list(_under_one_secret(run.files, run.key)))
        figures["one_subkey"] = _guesses(*_split(Pairs(shared, originals)), COUNTS, judge)
    return figures


def _guesses(
    known: Pairs, unseen: Pairs, counts: Sequence[int], judge: Model
) -> dict[str, dict[str, Any]]:
    """For each number of pairs, how near each attacker comes to unseen originals."""
    some = {k: Pairs(*(part[:k] for part in known)) for k in counts}
    some = {len(pairs.hidden): pairs for pairs in some.values()}
    figures: dict[str, dict[str, Any]] = {}
    for k, pairs in some.items():
        figures[str(k)] = {
            name: _nearness(attack(pairs, unseen.hidden), unseen.originals, judge)
            for name, attack in ATTACKERS.items()
        }
        print(f"  {k} pairs: {figures[str(k)]}", flush=True)
    return figures


def _inverted(service: Model, judge: Model, pairs: Pairs) -> dict[str, Any]:
    """Faces made of the readings of hidden pictures, and of those of the originals."""
    figures = {}
    for name, shown in (("from_hidden", pairs.hidden), ("from_original", pairs.originals)):
        problem = inversion(
            service.output,
            readings(service, list(shown[:, None])),
            KeepDirection(1.0),
            (shown.shape[-2], shown.shape[-1]),
            Inversion(),
        )
        guess = torch.stack([solved.value for solved in solve(problem)])
        figures[name] = _nearness(guess, pairs.originals, judge)
    return figures


def _nearness(guess: Images, originals: Images, judge: Model) -> dict[str, float]:
    before, after = readings(judge, list(originals[:, None])), readings(judge, list(guess[:, None]))
    measured = {
        "psnr": psnr(guess, originals),
        "ssim": ssim(guess, originals),
        "block_correlation": block_correlation(guess, originals),
        "identity_cosine": cosine(before, after),
    }
    return {name: summary(values.tolist())["mean"] for name, values in measured.items()}


def _split(pairs: Pairs) -> tuple[Pairs, Pairs]:
    first = int(KNOWN * len(pairs.hidden))
    return Pairs(*(part[:first] for part in pairs)), Pairs(*(part[first:] for part in pairs))


def _under_one_secret(files: Sequence[HiddenFile], key: Key) -> Iterator[Images]:
    """The hidden pictures as one order and one choice of signs for all would have made them."""
    for f in files:
        notice = notice_of(f.output, Limits(), lambda _: None)
        yield under_one_secret(_pixels(f.output), notice, key)


def _pixels(path: Path) -> "np.typing.NDArray[np.uint8]":
    return picture(path)[0].permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()
