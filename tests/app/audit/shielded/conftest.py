"""A store of toy features: twelve people, a picture of each, and another one that asks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from anamorph.app.audit.shielded.audit import audit_shield
from anamorph.app.shield.advface import adversarial
from anamorph.app.train import shadow_training
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.files.write import write_whole
from anamorph.methods.inversion import Inversion
from anamorph.models import Model
from anamorph.models.networks import decoders
from anamorph.models.split import split
from anamorph.templates.role import Shielding, mark

PEOPLE = 12
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Inversion(steps=5)
    monkeypatch.setattr("anamorph.adversaries.reconstruct.Inversion", lambda: steps)


class Folders(NamedTuple):
    """Pictures by person: enrolled ones, probes, and of others."""

    pictures: Path
    probes: Path
    known: Path


@pytest.fixture(scope="session")
def folders(
    tmp_path_factory: pytest.TempPathFactory, crop: Callable[..., NDArray[np.uint8]]
) -> Folders:
    top = tmp_path_factory.mktemp("shielded")
    found = Folders(top / "pictures", top / "probes", top / "known")
    for number in range(2 * PEOPLE):
        pixels = crop(PHOTOGRAPHS[number % 4], 100, 100)
        at = 12 * (number // 4)
        folder = found.pictures if number < PEOPLE else found.known
        for place, shift in ((folder, 0), (found.probes, 1)):
            if place is found.probes and number >= PEOPLE:
                continue
            below = place / f"p{number:02d}"
            below.mkdir(parents=True)
            face = pixels[at + shift : at + shift + 16, at : at + 16]
            Image.fromarray(face).save(below / f"{number:02d}.png")
    return found


def pixels_of(folder: Path) -> torch.Tensor:
    """(n, 3, 16, 16) in [0, 1], in the order of the paths."""
    arrays = [np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))]
    return torch.from_numpy(np.stack(arrays).transpose(0, 3, 1, 2).copy()).float() / 255


@pytest.fixture(scope="session")
def pixels_in() -> Callable[[Path], torch.Tensor]:
    """Reads the pictures of a folder."""
    return pixels_of


@pytest.fixture(scope="session")
def recognizer(embedder: Model) -> Model:
    return embedder


@pytest.fixture
def judge(network: Callable[..., nn.Module], toy_of: Callable[..., Model]) -> Model:
    return toy_of(network(8, 21), name="judge", task="embed")


@pytest.fixture(scope="session")
def embeddings(folders: Folders, recognizer: Model) -> NDArray[np.float32]:
    with torch.no_grad():
        return recognizer.output(pixels_of(folders.pictures)).numpy()


@pytest.fixture(scope="session")
def maps(folders: Folders, recognizer: Model) -> NDArray[np.float32]:
    with torch.no_grad():
        return split(recognizer).head(pixels_of(folders.pictures)).numpy()


@pytest.fixture(scope="session")
def shadow(
    folders: Folders, maps: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A shadow of few updates."""
    pictures = pixels_of(folders.pictures).mul(255).to(torch.uint8)
    pairs = Pairs(torch.from_numpy(maps), pictures)
    p = ShadowTraining(kind="deconvolution", width=4, updates=4, batch=4)
    at = shadow_training.advance(
        shadow_training.begin(pairs, p), pairs, p.updates, p, lambda _: None
    )
    path = tmp_path_factory.mktemp("decoders") / "shadow.safetensors"
    write_whole(path, decoders.dump(at.decoder))
    return path


@pytest.fixture(scope="session")
def advface(shadow: Path) -> Shielding:
    return adversarial([decoders.load(shadow.read_bytes(), "shadow")])


StoreOf = Callable[..., Path]


@pytest.fixture
def store_of(tmp_path: Path) -> StoreOf:
    """Writes features to a file, shielded and marked if asked."""

    def make(
        features: NDArray[np.float32], shielding: Shielding | None = None, name: str = "store.npz"
    ) -> Path:
        path = tmp_path / name
        if shielding is not None:
            features = shielding(features)
        marks = [mark(shielding) if shielding is not None else ""] * len(features)
        ids = [f"{number:02d}" for number in range(len(features))]
        np.savez(path, features=features, ids=np.array(ids), features_shield=np.array(marks))
        return path

    return make


@pytest.fixture
def run(folders: Folders, recognizer: Model, judge: Model) -> Callable[..., ShieldAudit]:
    """`audit_shield` with few updates and no inversion, unless told otherwise."""

    def start(store: Path, **how: Any) -> ShieldAudit:
        given = {
            "store": store,
            "pictures": folders.pictures,
            "recognizer": recognizer,
            "judge": judge,
            "known": folders.known,
            "updates": 2,
            "learn": [4],
            "inverted": 0,
            **how,
        }
        return audit_shield(**given)

    return start
