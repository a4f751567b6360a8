"""Train small networks that read other things in portraits than who it is.

    python zoo/train_attributes.py --task glasses --out benchmarks/scratch/attributes

trains networks for one task (`glasses`: which kind, or none; `hair`: which style; `garment`: which
kind) on the portraits that `train_portraits.py` learns from, drawn once, and writes weights and
cards into a folder. With them a benchmark asks whether a protection made for one task holds for
others. A run that was stopped goes on from its last whole epoch.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from zoo.train_portraits import HELD_OUT, OTHERS, PEOPLE, TRAIN, examples
from zoo.training import Examples, Recipe, keep, train

import anamorph.portraits as portraits
from anamorph.portraits.networks.families import FAMILIES
from anamorph.portraits.scene import GARMENTS, GLASSES

TASKS: Mapping[str, tuple[tuple[str, ...], Callable[[portraits.Shot], str]]] = MappingProxyType(
    {
        "glasses": (("none", *GLASSES), lambda shot: shot.glasses or "none"),
        "hair": (portraits.HAIR_STYLES, lambda shot: shot.hair_style),
        "garment": (GARMENTS, lambda shot: shot.garment),
    }
)
"""The labels of each task, and which one is true of a portrait."""


def labels_of(task: str, people: Iterable[int], shots: Iterable[int]) -> torch.Tensor:
    """What is true of every numbered portrait of every person, person by person.

    >>> labels_of("glasses", [0], range(3)).shape
    torch.Size([3])
    """
    names, truth = TASKS[task]
    numbers = tuple(shots)
    return torch.tensor(
        [names.index(truth(portraits.take(who, number))) for who in people for number in numbers]
    )


def relabeled(
    name: str, task: str, people: Iterable[int], shots: Iterable[int], every: int
) -> Examples:
    """Each so many-th of the portraits of the other recipe, with another task's labels."""
    who, numbers = tuple(people), tuple(shots)
    drawn = examples(name, "identity", who, numbers)
    return Examples(images=drawn.images[::every], labels=labels_of(task, who, numbers)[::every])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=tuple(TASKS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of weights and cards")
    parser.add_argument("--families", default="vgg,residual", help="separated by commas")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--every", type=int, default=3, help="learn from every so many-th portrait")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    learned = relabeled("train", asked.task, PEOPLE, TRAIN, asked.every)
    test = relabeled("others", asked.task, OTHERS, HELD_OUT, 1)
    told = "portraits that were never trained on, of people it never saw"
    for family in asked.families.split(","):
        if family not in FAMILIES:
            parser.error(f"there is no family {family!r}; choose {', '.join(FAMILIES)}")
        recipe = Recipe(
            name=f"{asked.task}-{family}",
            family=family,
            labels=TASKS[asked.task][0],
            epochs=asked.epochs,
            seed=asked.seed,
        )
        measured = keep(recipe, train(recipe, learned), test, told, asked.out)
        print(f"{recipe.name}: accuracy {measured:.3f} on {len(test.labels)}", flush=True)


if __name__ == "__main__":
    main()
