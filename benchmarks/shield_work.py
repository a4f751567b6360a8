"""What takes long in the shield benchmark, kept in a scratch folder so that it is done once."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.places import WORK
from safetensors.torch import load_file, save_file
from torch import Tensor

from anamorph.app.train import shadow_training
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.files.write import write_whole
from anamorph.models.networks import decoders
from anamorph.models.networks.decoders import Decoder
from anamorph.templates.role import Shielding

FOLDER = WORK / "shield"
CHUNK = 50
"""Records that are protected between two savings."""

SECRET = bytes(32)
"""The benchmark is repeatable; a store's secret is nobody's."""

_SAVED_EVERY = 200


def trained(name: str, pairs: Pairs, p: ShadowTraining, start: Decoder | None = None) -> Decoder:
    """A decoder, trained now or by an earlier run; one that was stopped goes on."""
    path = _path(f"{name}-{shadow_training.digest_of(pairs, p).hex()[:12]}.safetensors")
    if path.exists():
        return decoders.load(path.read_bytes(), path.name)
    going = path.with_suffix(".training")
    if going.exists():
        at = shadow_training.load(going.read_bytes(), going.name, pairs, p)
    else:
        at = shadow_training.begin(pairs, p, start)
    while at.done < p.updates:
        upto = min(p.updates, at.done + _SAVED_EVERY)
        at = shadow_training.advance(at, pairs, upto, p, lambda _: None)
        write_whole(going, shadow_training.dump(at), overwrite=True)
    write_whole(path, decoders.dump(at.decoder))
    going.unlink(missing_ok=True)
    print(f"  trained {path.stem}", flush=True)
    return decoders.load(path.read_bytes(), path.name)


def protected(name: str, shielding: Shielding, features: Tensor) -> tuple[Tensor, float | None]:
    """Records of features, made now or by an earlier run, and CPU milliseconds for each made."""
    folder = FOLDER / f"{name}-{shielding.digest[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    parts, seconds, made = [], 0.0, 0
    for first in range(0, len(features), CHUNK):
        rows = features[first : first + CHUNK]
        content = hashlib.sha256(rows.numpy().tobytes()).hexdigest()[:12]
        path = folder / f"{content}.safetensors"
        if not path.exists():
            began = time.process_time()
            records = torch.from_numpy(shielding(rows.float().numpy()))
            seconds, made = seconds + time.process_time() - began, made + len(rows)
            save_file({"records": records.half()}, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        parts.append(load_file(path)["records"])
    return torch.cat(parts), 1000 * seconds / made if made else None


def mean_with_interval(values: Tensor) -> dict[str, Any]:
    """Mean, n, and a 95 % interval by the normal law."""
    n = len(values)
    mean = values.double().mean().item()
    reach = 1.96 * values.double().std().item() / n**0.5 if n > 1 else 0.0
    return {
        "mean": round(mean, 4),
        "n": n,
        "interval": [round(mean - reach, 4), round(mean + reach, 4)],
    }


def seeds(n: int, first: int = 0) -> list[int]:
    """One for each of n samples."""
    return [int(seed) for seed in np.random.default_rng(first).integers(0, 2**62, n)]


def _path(name: str) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER / name
