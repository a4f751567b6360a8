"""How the recipes train small classifiers: the same for portraits, attributes and emotions.

Every random number comes from the recipe's seed and the epoch. A run that was stopped goes on from
its last whole epoch, and gives what a run gives that was never stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from anamorph.portraits.networks.families import FAMILIES, SIZE
from anamorph.portraits.networks.tokens import Tokens

WORK = Path(__file__).parent / "scratch"

Vary: TypeAlias = Callable[[Tensor, int, torch.Generator], Tensor]
"""Pictures (uint8) normalized and changed a little, moved by some pixels at most, at random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model is trained."""

    name: str
    family: str
    labels: tuple[str, ...]
    """Names of the classes, in the order of the outputs."""
    epochs: int
    seed: int = 0
    batch: int = 32
    weight_decay: float = 0.05
    smoothing: float = 0.05
    """Share of the label that is spread over the other classes."""
    shift: int = 2
    """Largest move of a training picture in pixels."""

    @property
    def learning_rate(self) -> float:
        """Peak of the schedule; transformers want smaller steps."""
        return 1.2e-3 if self.family == "transformer" else 3e-3

    @property
    def checkpoint(self) -> Path:
        """Where the run stands after its last whole epoch."""
        return WORK / f"{self.name}.checkpoint.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Pictures and their classes."""

    images: Tensor
    """(n, 3, h, w), uint8."""
    labels: Tensor


def fresh(family: str, classes: int, generator: torch.Generator) -> nn.Module:
    """A network with its random start drawn from the generator alone."""
    with torch.device("meta"):
        network = FAMILIES[family](classes)
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
            module.weight.data *= module.groups**0.5 if module.groups > 1 else 1.0
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02, generator=generator)
        elif isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, Tokens):
            nn.init.trunc_normal_(module.position, std=0.02, generator=generator)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def normalized(images: Tensor) -> Tensor:
    """Pixels 0..255 to about -1..1, as the cards' mean and std of one half say."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def varied(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Pictures moved, mirrored and lit a little differently; faces here are symmetric."""
    n, _, h, w = images.shape
    moved = F.pad(normalized(images), [shift] * 4, mode="replicate")
    top, left = torch.randint(0, 2 * shift + 1, (2, n), generator=generator)
    rows = (top[:, None] + torch.arange(h))[:, :, None]
    columns = left[:, None] + torch.arange(w)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)[:, None, :]
    out = moved.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], rows, columns]
    light = 0.85 + 0.3 * torch.rand(n, 1, 1, 1, generator=generator)
    color = 0.95 + 0.1 * torch.rand(n, 1, 1, 3, generator=generator)
    return ((out + 1) * light * color - 1).permute(0, 3, 1, 2)


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """All indices once in random order, in full batches."""
    order = torch.randperm(count, generator=generator)
    for i in range(count // size):
        yield order[i * size : (i + 1) * size]


def rate(progress: float, peak: float) -> float:
    """Learning rate at a share of the training: a short rise, then half a cosine."""
    rise = 0.08
    if progress < rise:
        return peak * (0.05 + 0.95 * progress / rise)
    return peak * (0.005 + 0.5 * (1 + cos(pi * (progress - rise) / (1 - rise))))


def train(recipe: Recipe, data: Examples, vary: Vary = varied) -> nn.Module:
    """Train from a fresh start, or from the last whole epoch of a stopped run."""
    start = torch.Generator().manual_seed(recipe.seed)
    network = fresh(recipe.family, len(recipe.labels), start)
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
    )
    WORK.mkdir(parents=True, exist_ok=True)
    done = resume(recipe, network, optimizer)
    for epoch in range(done, recipe.epochs):
        began = perf_counter()
        loss = one_epoch(recipe, epoch, network, optimizer, data, vary)
        torch.save(
            {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "done": epoch + 1,
                "epochs": recipe.epochs,
            },
            recipe.checkpoint,
        )
        seconds = perf_counter() - began
        told = f"epoch {epoch + 1}/{recipe.epochs}: loss {loss:.3f}, {seconds:.0f} s"
        print(f"{recipe.name} {told}", flush=True)
    return network.eval()


def resume(recipe: Recipe, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Take up a stopped run of the same length; returns how many epochs it had done."""
    if not recipe.checkpoint.exists():
        return 0
    saved = torch.load(recipe.checkpoint, weights_only=True)
    if saved["epochs"] != recipe.epochs:
        return 0
    network.load_state_dict(saved["network"])
    optimizer.load_state_dict(saved["optimizer"])
    return int(saved["done"])


def one_epoch(
    recipe: Recipe,
    epoch: int,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Examples,
    vary: Vary,
) -> float:
    """Every example once; chance depends on seed and epoch alone. Returns the mean loss."""
    network.train()
    chance = torch.Generator().manual_seed(1 + recipe.seed * 10_000 + epoch)
    steps, total = len(data.labels) // recipe.batch, 0.0
    for i, rows in enumerate(batches(len(data.labels), recipe.batch, chance)):
        for group in optimizer.param_groups:
            group["lr"] = rate((epoch + i / steps) / recipe.epochs, recipe.learning_rate)
        outputs = network(vary(data.images[rows], recipe.shift, chance))
        loss = F.cross_entropy(outputs, data.labels[rows], label_smoothing=recipe.smoothing)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        total += loss.item()
    return total / steps


@torch.no_grad()
def accuracy(network: nn.Module, data: Examples) -> float:
    """Share of the pictures the network reads right."""
    right = 0
    for i in range(0, len(data.labels), 250):
        answers = network(normalized(data.images[i : i + 250])).argmax(1)
        right += int((answers == data.labels[i : i + 250]).sum())
    return right / len(data.labels)


def rounded(network: nn.Module) -> dict[str, Tensor]:
    """The weights as they are shipped: in half precision, integers as they are."""
    return {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in network.state_dict().items()
    }


def card(recipe: Recipe, source: Sequence[str], measured: float, count: int, tested: str) -> str:
    """The model's card as TOML.

    Args:
        recipe: how it was trained.
        source: the lines that say where network and weights come from.
        measured: the accuracy.
        count: of the pictures it was measured on.
        tested: what these are.
    """
    labels = ", ".join(f'"{label}"' for label in recipe.labels)
    lines = "\n".join(source)
    return f"""name = "{recipe.name}"
{lines}
task = "classify"
labels = [{labels}]
tap = ["stages.0"]

[input]
size = [{SIZE}, {SIZE}]
resize = "squash"
crop = 1.0
interpolation = "bilinear"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]

# On {tested}.
[accuracy]
clean = {measured:.3f}
n = {count}
"""


def keep(recipe: Recipe, network: nn.Module, test: Examples, tested: str, folder: Path) -> float:
    """Write weights and card into a folder outside the package, and return the accuracy."""
    measured = accuracy(network, test)
    folder.mkdir(parents=True, exist_ok=True)
    weights = f"{recipe.name}.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / weights)
    source = (
        f'source = "python:{FAMILIES[recipe.family].__module__}:{recipe.family}"',
        f'weights = "{weights}"',
        f"options = {{ classes = {len(recipe.labels)} }}",
    )
    text = card(recipe, source, measured, len(test.labels), tested)
    (folder / f"{recipe.name}.toml").write_text(text, encoding="utf-8")
    return measured
