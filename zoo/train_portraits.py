"""Train the small models that come with `anamorph.portraits`.

    python zoo/train_portraits.py --task identity --family vgg

renders the portraits once (kept in `zoo/scratch/`), trains one model on them, and writes its
weights and card into the package. A run that was stopped goes on where it stopped.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from zoo.training import WORK, Examples, Recipe, accuracy, card, rounded, train

import anamorph.portraits as portraits
from anamorph.portraits.networks.families import FAMILIES, SIZE

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


def labels_of(task: str) -> tuple[str, ...]:
    """Names of a task's classes, in the order of the outputs."""
    if task == "expression":
        return portraits.EXPRESSIONS
    return tuple(f"person {number:02d}" for number in PEOPLE)


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


def ship(recipe: Recipe, network: nn.Module, test: Examples, tested: str) -> float:
    """Write weights and card into the package; the accuracy is that of the rounded weights."""
    state = rounded(network)
    network.load_state_dict({key: value.float() for key, value in state.items()})
    measured = accuracy(network, test)
    for folder in ("weights", "cards"):
        (PACKAGE / folder).mkdir(exist_ok=True)
    save_file(state, PACKAGE / "weights" / f"{recipe.name}.safetensors")
    text = card(
        recipe, (f'source = "portraits:{recipe.name}"',), measured, len(test.labels), tested
    )
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
    recipe = Recipe(
        name=f"{asked.task}-{asked.family}",
        family=asked.family,
        labels=labels_of(asked.task),
        epochs=epochs,
        seed=asked.seed,
    )
    test, tested = (
        (examples("held_out", asked.task, PEOPLE, HELD_OUT), "people it was trained on")
        if asked.task == "identity"
        else (examples("others", asked.task, OTHERS, HELD_OUT), "people it never saw")
    )
    network = train(recipe, examples("train", asked.task, PEOPLE, TRAIN))
    measured = ship(recipe, network, test, f"portraits that were never trained on, of {tested}")
    print(f"{recipe.name}: accuracy {measured:.3f} on {len(test.labels)}")


if __name__ == "__main__":
    main()
