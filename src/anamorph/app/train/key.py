"""Train a network key: a generator that is its owner's alone, in a few minutes on a processor."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anamorph import __version__, portraits
from anamorph.app.images import as_images
from anamorph.app.records import rounded
from anamorph.app.runs import pictures_to_read
from anamorph.app.train import key_training, saving
from anamorph.app.train.key_training import SEED_SIZE, KeyTraining, Photos, Trained, Watch
from anamorph.errors import AnamorphError, UsageError
from anamorph.files.folders import Sources
from anamorph.files.photo import Limits, read
from anamorph.keys import file as key_file
from anamorph.keys.key import network_key
from anamorph.keys.lock import STANDARD, Cost
from anamorph.metrics.image import psnr
from anamorph.models.device import device_of
from anamorph.models.networks import generator
from anamorph.models.resample import Axis, resample
from anamorph.types import Images

SIDE = 112
"""Height and width of the photos that a network learns from, in pixels."""

MOST_PHOTOS = 4000
"""Of more than these, evenly chosen ones are taken: they stay in memory."""

PEOPLE, SHOTS = 60, 2
"""Of the portraits that stand in for photos."""

_TESTED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainKeyReport:
    """What was trained."""

    file: str
    fingerprint: str
    locked: bool
    parameters: dict[str, Any]
    pictures: int
    """How many the network learned from."""
    skipped: Sequence[str]
    """Those that could not be read, and why."""
    psnr: float
    """In dB: how well the network gives pictures back that it learned from."""
    seconds: float
    anamorph: str = __version__

    def as_json(self) -> dict[str, Any]:
        """The contract of `train key --json`."""
        return rounded(asdict(self))


def train_key(
    out: str | Path,
    *,
    sources: Sources = (),
    parameters: KeyTraining | None = None,
    passphrase: bytes | None = None,
    seed: bytes | None = None,
    resume: bool = False,
    cost: Cost = STANDARD,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
) -> TrainKeyReport:
    """Train a network as an identity autoencoder, and write it as a key file.

    On the way the training is saved beside the key file, locked as that will be.
    One seed, the same pictures and the same machine give the same network.

    Args:
        out: the key file, which must not exist.
        sources: pictures and folders of them to learn from; portraits of people who do not exist by
            default.
        parameters: how it is trained.
        passphrase: locks the key file, and the training until then.
        seed: 32 random bytes, as secret as the key; fresh ones by default.
        resume: go on with a training that was stopped.
        cost: what trying one passphrase costs.
        device: where the network learns: `cpu`, `cuda`, `cuda:N`, or `auto`.
        found: called once with the number of updates to come.
        watch: called after each of them with the loss; raise `Cancelled` to stop.

    Raises:
        UsageError: no picture can be read; a seed of another size; or a training that is not to be
            resumed, or was another one.
        BadKey: the saved training does not open with this passphrase.
        NotWritten: the key file exists, or the disk refuses.
    """
    began = time.perf_counter()
    out, p = Path(out), parameters or KeyTraining()
    saved = saving.beside(out, resume=resume)
    if seed is not None and len(seed) != SEED_SIZE:
        raise UsageError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}; leave it out")
    where = device_of(device)
    photos, skipped = _photos(sources, out) if sources else (_portraits(), [])
    if saved.exists():
        data = key_file.read(saved, passphrase).secret.reveal()
        trained = key_training.load(data, str(saved), photos, p, where)
    else:
        trained = key_training.begin(seed or secrets.token_bytes(SEED_SIZE), p, where)
    if found is not None:
        found(p.updates - trained.done)

    def save(trained: Trained) -> None:
        data = key_training.dump(trained, photos, p)
        key_file.save(network_key(data), saved, passphrase, cost=cost)

    def advance(trained: Trained, upto: int) -> Trained:
        return key_training.advance(trained, photos, upto, p, watch or saving.unwatched)

    trained = saving.to_the_end(trained, p.updates, advance, save)
    key = network_key(generator.dump(trained.network))
    key_file.write(key, out, passphrase, cost=cost)
    saved.unlink(missing_ok=True)
    network = generator.load(key_file.read(out, passphrase).secret.reveal(), str(out))
    shown = photos[:: -(-len(photos) // _TESTED)].float().div_(255)
    with torch.no_grad():
        quality = psnr(shown, network(shown).clamp(0, 1)).mean().item()
    return TrainKeyReport(
        file=str(out),
        fingerprint=key.fingerprint,
        locked=passphrase is not None,
        parameters=asdict(p),
        pictures=len(photos),
        skipped=skipped,
        psnr=quality,
        seconds=time.perf_counter() - began,
    )


def _portraits() -> Photos:
    """Portraits of people who do not exist."""
    images = portraits.dataset(range(PEOPLE), range(SHOTS), size=SIDE).images
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _photos(sources: Sources, out: Path) -> tuple[Photos, list[str]]:
    """The middle squares of pictures, as large as they are learned from; and what was skipped."""
    given = pictures_to_read(sources, out)
    skipped = [str(problem.error) for problem in given.problems]
    every = -(-len(given.pictures) // MOST_PHOTOS) or 1
    found = []
    for source in given.pictures[::every]:
        try:
            found.append(_square(as_images(read(source, Limits()).pixels)))
        except AnamorphError as error:
            skipped.append(str(error))
    if not found:
        raise UsageError(f"no picture can be read to learn from: {skipped[0]}")
    return torch.cat(found), skipped


def _square(x: Images) -> Photos:
    """The middle of a photo, resized to `SIDE`, in 8 bits and three colors."""
    least = min(x.shape[-2:])
    rows, columns = (_middle(size, least) for size in x.shape[-2:])
    small = resample(x[:, :3], rows, columns, "bilinear").expand(-1, 3, -1, -1)
    return small.mul(255).round_().clamp_(0, 255).to(torch.uint8)


def _middle(size: int, least: int) -> Axis:
    resized = max(SIDE, round(size * SIDE / least))
    return Axis(size, resized, (resized - SIDE) // 2, SIDE)
