"""Train a denoiser that takes protection, or noise, off pictures.

    python zoo/train_denoiser.py --noisy protected/ --clean originals/ --out denoiser.safetensors

learns from two folders of pictures that pair by their paths without the suffix, and writes weights
for `anamorph audit protect --purify learned:denoiser.safetensors`. A run that was stopped goes on
from its last whole epoch. Without --noisy the clean pictures get Gaussian noise, another at every
look: the attacker who does not know the protection.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import cos, pi
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.adversaries.denoiser import Denoiser
from anamorph.adversaries.purify import SIGMA
from anamorph.errors import AnamorphError, UsageError
from anamorph.files.folders import SUFFIXES
from anamorph.files.photo import pixel_digest, read

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a denoiser is trained."""

    epochs: int
    seed: int
    sigma: float
    """Standard deviation of the noise where there are no noisy pictures, in [0, 1]."""
    side: int = 48
    """Height and width of the pieces that are learned from."""
    batch: int = 16
    pieces: int = 8
    """Of each picture in an epoch."""
    learning_rate: float = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A clean picture, and a noisy one of it; None where noise is added while learning."""

    clean: Pixels
    noisy: Pixels | None


def pairs(clean: Path, noisy: Path | None, side: int) -> list[Pair]:
    """The pictures of two folders that pair, in the order of their names.

    Raises:
        UsageError: none pairs, or one of them is smaller than a piece or of another size.
    """
    ours = _pictures(clean)
    theirs = None if noisy is None else _pictures(noisy)
    names = sorted(ours if theirs is None else ours.keys() & theirs.keys())
    if not names:
        raise UsageError(f"no pictures in {clean} pair with {noisy}; give folders of equal names")
    found = []
    for name in names:
        one = _color(ours[name])
        other = None if theirs is None else _color(theirs[name])
        if other is not None and other.shape != one.shape:
            raise UsageError(f"{name}: is of two sizes in the two folders; take it out")
        if min(one.shape[:2]) < side:
            raise UsageError(f"{name}: has less than {side} rows or columns; take it out")
        found.append(Pair(clean=one, noisy=other))
    return found


def _pictures(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    }


def _color(path: Path) -> Pixels:
    pixels = read(path).pixels
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def digest(known: Sequence[Pair]) -> str:
    """Of all the pixels that are learned from."""
    total = sha256()
    for pair in known:
        total.update(pixel_digest(pair.clean).encode())
        total.update(b"" if pair.noisy is None else pixel_digest(pair.noisy).encode())
    return total.hexdigest()


def fresh(seed: int) -> Denoiser:
    """A network with its random start; at first it takes nothing off."""
    network = Denoiser()
    chance = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        if weight.ndim == 4:
            nn.init.kaiming_normal_(weight, generator=chance)
        else:
            nn.init.zeros_(weight)
    last = next(m for m in reversed(list(network.modules())) if isinstance(m, nn.Conv2d))
    nn.init.zeros_(last.weight)
    return network


def batches(known: Sequence[Pair], recipe: Recipe, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Noisy and clean pieces (n, 3, side, side); chance depends on seed and epoch alone."""
    chance = np.random.default_rng((recipe.seed, epoch))
    order = chance.permutation(np.repeat(np.arange(len(known)), recipe.pieces))
    for numbers in np.array_split(order, max(1, len(order) // recipe.batch)):
        cut = [_piece(known[number], recipe, chance) for number in numbers]
        noisy, clean = (np.stack(side) for side in zip(*cut, strict=True))
        yield torch.from_numpy(noisy), torch.from_numpy(clean)


def _piece(pair: Pair, recipe: Recipe, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """A piece of a picture, mirrored and turned at random."""
    height, width = pair.clean.shape[:2]
    top = chance.integers(height - recipe.side + 1)
    left = chance.integers(width - recipe.side + 1)
    turns, mirrored = int(chance.integers(4)), chance.random() < 0.5

    def cut(pixels: Pixels) -> Floats:
        piece = pixels[top : top + recipe.side, left : left + recipe.side]
        piece = np.rot90(piece[:, ::-1] if mirrored else piece, turns)
        return np.ascontiguousarray(piece.transpose(2, 0, 1), np.float32) / np.float32(255)

    clean = cut(pair.clean)
    if pair.noisy is not None:
        return cut(pair.noisy), clean
    noise = chance.normal(0, recipe.sigma, clean.shape).astype(np.float32)
    return np.clip(clean + noise, 0, 1, dtype=np.float32), clean


def train(recipe: Recipe, known: Sequence[Pair], checkpoint: Path) -> Denoiser:
    """Train from a fresh start, or from the last whole epoch of a stopped run."""
    network = fresh(recipe.seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    pictures = digest(known)
    done = resume(checkpoint, recipe, pictures, network, optimizer)
    for epoch in range(done, recipe.epochs):
        began = perf_counter()
        before, after = one_epoch(recipe, epoch, network, optimizer, known)
        save(checkpoint, recipe, pictures, epoch + 1, network, optimizer)
        told = f"epoch {epoch + 1}/{recipe.epochs}: PSNR {before:.2f} dB, cleaned {after:.2f} dB"
        print(f"{told}, {perf_counter() - began:.0f} s", flush=True)
    return network.eval()


def one_epoch(
    recipe: Recipe,
    epoch: int,
    network: Denoiser,
    optimizer: torch.optim.Optimizer,
    known: Sequence[Pair],
) -> tuple[float, float]:
    """Some pieces of every picture; returns the mean PSNR of noisy and of cleaned ones, in dB."""
    rate = recipe.learning_rate * (1 + cos(pi * epoch / recipe.epochs)) / 2
    for group in optimizer.param_groups:
        group["lr"] = rate
    errors = []
    for noisy, clean in batches(known, recipe, epoch):
        loss = F.mse_loss(network(noisy), clean)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        errors.append((float(F.mse_loss(noisy, clean)), loss.item()))
    before, after = -10 * np.log10(np.mean(errors, axis=0) + 1e-10)
    return float(before), float(after)


def save(
    checkpoint: Path,
    recipe: Recipe,
    pictures: str,
    done: int,
    network: Denoiser,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Keep where training stands; the file is whole or not there."""
    state = {
        "recipe": asdict(recipe),
        "pictures": pictures,
        "done": done,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    part = checkpoint.with_suffix(".part")
    torch.save(state, part)
    part.replace(checkpoint)


def resume(
    checkpoint: Path,
    recipe: Recipe,
    pictures: str,
    network: Denoiser,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Take up a stopped run of the same recipe and pictures; returns how many epochs were done."""
    if not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
    if (saved["recipe"], saved["pictures"]) != (asdict(recipe), pictures):
        return 0
    network.load_state_dict(saved["network"])
    optimizer.load_state_dict(saved["optimizer"])
    return int(saved["done"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description="Train a denoiser for `--purify learned:FILE`.")
    parser.add_argument("--clean", type=Path, required=True, help="folder of clean pictures")
    parser.add_argument("--noisy", type=Path, help="folder of protected or noisy pictures")
    parser.add_argument("--out", type=Path, required=True, help="the weights, .safetensors")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sigma", type=float, default=SIGMA * 255, help="of noise, in levels")
    asked = parser.parse_args(arguments)
    recipe = Recipe(epochs=asked.epochs, seed=asked.seed, sigma=asked.sigma / 255)
    try:
        known = pairs(asked.clean, asked.noisy, recipe.side)
    except AnamorphError as error:
        parser.error(str(error))
    network = train(recipe, known, asked.out.with_suffix(".checkpoint.pt"))
    save_file(
        {name: weight.contiguous() for name, weight in network.state_dict().items()}, asked.out
    )
    print(f"{asked.out.name}: learned from {len(known)} pictures")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
