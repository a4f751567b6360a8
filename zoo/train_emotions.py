"""Train small networks that read emotions, on the faces of CK+48.

    python zoo/train_emotions.py --data ckplus48.zip --out benchmarks/scratch/emotions

trains one network of each family on four fifths of the people, tests it on the others, and writes
weights and cards into a folder. A run that was stopped goes on from its last whole epoch. The faces
are for research and enter neither the package nor the repository; nor do these networks.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from zoo.training import Examples, Recipe, keep, train, varied

from anamorph.errors import UsageError
from anamorph.portraits.networks.families import FAMILIES, SIZE

EMOTIONS = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
EPOCHS = {
    "vgg": 30, "residual": 30, "depthwise": 24, "dense": 20, "transformer": 30, "convnext": 24,
}  # fmt: skip
FOLDS = 5
"""The people are dealt into so many; the first is tested on."""
TILT = 0.15
"""Largest turn of a training picture, in radians; its size varies by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A picture of the set."""

    name: str
    """Its path in the archive."""
    emotion: int
    """Index into `EMOTIONS`."""
    image: Image.Image

    @property
    def subject(self) -> str:
        """Who is shown."""
        return subject_of(self.name)


def subject_of(name: str) -> str:
    """Who a picture shows, by its file name.

    >>> subject_of("happy/S010_006_00000014.png")
    'S010'
    """
    return PurePosixPath(name).name.partition("_")[0]


def held_out(subject: str) -> bool:
    """Whether a person is tested on: decided by the name alone, so a set can grow."""
    return int(sha256(subject.encode()).hexdigest(), 16) % FOLDS == 0


def faces(archive: Path) -> list[Face]:
    """The pictures of a ZIP file with a folder for each emotion, by their names.

    Raises:
        UsageError: the file has none.
    """
    with ZipFile(archive) as file:
        names = [name for name in sorted(file.namelist()) if PurePosixPath(name).suffix == ".png"]
        known = [name for name in names if PurePosixPath(name).parent.name in EMOTIONS]
        if not known:
            raise UsageError(f"{archive}: has no folder of pictures named {' or '.join(EMOTIONS)}")
        return [
            Face(
                name=name,
                emotion=EMOTIONS.index(PurePosixPath(name).parent.name),
                image=Image.open(io.BytesIO(file.read(name))).convert("RGB"),
            )
            for name in known
        ]


def examples(chosen: Sequence[Face]) -> Examples:
    """Faces at the networks' size."""
    small = [face.image.resize((SIZE, SIZE), Image.Resampling.BILINEAR) for face in chosen]
    images = np.stack([np.asarray(image) for image in small])
    return Examples(
        images=torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        labels=torch.tensor([face.emotion for face in chosen]),
    )


def tilted(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """As portraits are varied; each is also turned and sized a little differently."""
    n = len(images)
    angle = TILT * (2 * torch.rand(n, generator=generator) - 1)
    scale = 1 + TILT * (2 * torch.rand(n, generator=generator) - 1)
    cos, sin, none = scale * angle.cos(), scale * angle.sin(), torch.zeros(n)
    turn = torch.stack([cos, -sin, none, sin, cos, none], dim=1).view(n, 2, 3)
    grid = F.affine_grid(turn, list(images.shape), align_corners=False)
    turned = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return varied(turned, shift, generator)


def write_folder(folder: Path, chosen: Sequence[Face]) -> Path:
    """Write faces as PNG files beside a `labels.csv`, and return that file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,label"]
    for face in chosen:
        name = face.name.replace("/", "-")
        face.image.save(folder / name)
        rows.append(f"{name},{face.emotion}")
    table = folder / "labels.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="ckplus48.zip")
    parser.add_argument("--out", type=Path, required=True, help="folder of weights and cards")
    parser.add_argument("--families", default=",".join(FAMILIES), help="separated by commas")
    parser.add_argument("--epochs", type=int, help="instead of each family's own number")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    found = faces(asked.data)
    test = [face for face in found if held_out(face.subject)]
    learned = [face for face in found if not held_out(face.subject)]
    people = len({face.subject for face in test})
    told = f"{len(test)} faces of {people} people it never saw"
    write_folder(asked.out / "faces", test)
    for family in asked.families.split(","):
        recipe = Recipe(
            name=f"emotion-{family}",
            family=family,
            labels=EMOTIONS,
            epochs=asked.epochs or EPOCHS[family],
            seed=asked.seed,
            shift=4,
        )
        network = train(recipe, examples(learned), vary=tilted)
        measured = keep(recipe, network, examples(test), told, asked.out)
        print(f"{recipe.name}: accuracy {measured:.3f} on {told}", flush=True)


if __name__ == "__main__":
    main()
