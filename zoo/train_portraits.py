"""Train the small models that come with `anamorph.portraits`.

    python zoo/train_portraits.py --task identity --family vgg

renders the portraits once (kept in `zoo/scratch/`), trains one model on them, and writes its
weights and card into the package. A run that was stopped goes on where it stopped.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

import anamorph.portraits as portraits
from anamorph.portraits.networks.families import FAMILIES, SIZE
from anamorph.portraits.networks.tokens import Tokens

WORK = Path(__file__).parent / "scratch"
PACKAGE = Path(portraits.__file__).parent

PEOPLE = range(40)
OTHERS = range(100, 140)
TRAIN = range(160)
HELD_OUT = range(1000, 1025)
EPOCHS = {
    "identity": {
        "vgg": 10, "residual": 12, "depthwise": 11, "dense": 9, "transformer": 12, "convnext": 16,
    },
    "expression": {"vgg": 5, "residual": 12, "depthwise": 22},
}  # fmt: skip
"""How long the shipped models were trained."""
TAKEN = 128
"""Portraits are rendered at this size and squashed to the networks', as users' pictures are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model is trained."""

    task: str
    family: str
    epochs: int
    seed: int = 0
    batch: int = 32
    weight_decay: float = 0.05
    smoothing: float = 0.05
    """Share of the label that is spread over the other classes."""
    shift: int = 2
    """Largest move of a training picture in pixels."""

    @property
    def name(self) -> str:
        """The model's name: `portraits:NAME`."""
        return f"{self.task}-{self.family}"

    @property
    def learning_rate(self) -> float:
        """Peak of the schedule; transformers want smaller steps."""
        return 1.2e-3 if self.family == "transformer" else 3e-3

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        if self.task == "expression":
            return portraits.EXPRESSIONS
        return tuple(f"person {number:02d}" for number in PEOPLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Pictures and their classes."""

    images: Tensor
    """(n, 3, h, w), uint8."""
    labels: Tensor


def examples(name: str, task: str, people: Iterable[int], shots: Iterable[int]) -> Examples:
    """Portraits at the networks' size, from the cache if they are in it."""
    file = WORK / f"{name}.npz"
    if not file.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        taken = [portraits.dataset([person], shots, size=TAKEN) for person in people]
        np.savez(
            file,
            images=np.stack([_small(image) for part in taken for image in part.images]),
            identities=np.concatenate([part.identities for part in taken]),
            expressions=np.concatenate([part.expressions for part in taken]),
        )
    with np.load(file) as arrays:
        images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
        key = "identities" if task == "identity" else "expressions"
        return Examples(images=images, labels=torch.from_numpy(arrays[key]))


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    squashed = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(squashed)


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


def train(recipe: Recipe, data: Examples) -> nn.Module:
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
    checkpoint = WORK / f"{recipe.name}.checkpoint.pt"
    done = resume(checkpoint, recipe, network, optimizer)
    for epoch in range(done, recipe.epochs):
        began = perf_counter()
        loss = one_epoch(recipe, epoch, network, optimizer, data)
        torch.save(
            {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "done": epoch + 1,
                "epochs": recipe.epochs,
            },
            checkpoint,
        )
        seconds = perf_counter() - began
        told = f"epoch {epoch + 1}/{recipe.epochs}: loss {loss:.3f}, {seconds:.0f} s"
        print(f"{recipe.name} {told}", flush=True)
    return network.eval()


def resume(
    checkpoint: Path, recipe: Recipe, network: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Take up a stopped run of the same length; returns how many epochs it had done."""
    if not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
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
) -> float:
    """Every example once; chance depends on seed and epoch alone. Returns the mean loss."""
    network.train()
    chance = torch.Generator().manual_seed(1 + recipe.seed * 10_000 + epoch)
    steps, total = len(data.labels) // recipe.batch, 0.0
    for i, rows in enumerate(batches(len(data.labels), recipe.batch, chance)):
        for group in optimizer.param_groups:
            group["lr"] = rate((epoch + i / steps) / recipe.epochs, recipe.learning_rate)
        outputs = network(varied(data.images[rows], recipe.shift, chance))
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


def card(recipe: Recipe, measured: float, count: int) -> str:
    """The model's card as TOML."""
    tested = "people it was trained on" if recipe.task == "identity" else "people it never saw"
    labels = ", ".join(f'"{label}"' for label in recipe.labels)
    return f"""name = "{recipe.name}"
source = "portraits:{recipe.name}"
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

# On portraits that were never trained on, of {tested}.
[accuracy]
clean = {measured:.3f}
n = {count}
"""


def ship(recipe: Recipe, network: nn.Module, test: Examples) -> float:
    """Write weights and card into the package; the accuracy is that of the rounded weights."""
    state = rounded(network)
    network.load_state_dict({key: value.float() for key, value in state.items()})
    measured = accuracy(network, test)
    for folder in ("weights", "cards"):
        (PACKAGE / folder).mkdir(exist_ok=True)
    save_file(state, PACKAGE / "weights" / f"{recipe.name}.safetensors")
    text = card(recipe, measured, len(test.labels))
    (PACKAGE / "cards" / f"{recipe.name}.toml").write_text(text, encoding="utf-8")
    return measured


def main() -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=("identity", "expression"), required=True)
    parser.add_argument("--family", choices=tuple(FAMILIES), required=True)
    parser.add_argument("--epochs", type=int, help="instead of as many as the shipped one")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    epochs = asked.epochs or EPOCHS[asked.task].get(asked.family, 10)
    recipe = Recipe(task=asked.task, family=asked.family, epochs=epochs, seed=asked.seed)
    test = (
        examples("held_out", recipe.task, PEOPLE, HELD_OUT)
        if recipe.task == "identity"
        else examples("others", recipe.task, OTHERS, HELD_OUT)
    )
    network = train(recipe, examples("train", recipe.task, PEOPLE, TRAIN))
    print(f"{recipe.name}: accuracy {ship(recipe, network, test):.3f} on {len(test.labels)}")


if __name__ == "__main__":
    main()
