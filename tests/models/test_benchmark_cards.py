"""The real networks behind `benchmarks/cards`, where their weights are at hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from anamorph.models import load

CARDS = Path(__file__).resolve().parents[2] / "benchmarks" / "cards"
COUNT = 40
AT_LEAST = {
    "mobilenetv2_100_tfq": 0.80,
    "mobilenet_edgetpu_100": 0.82,
    "mobilenetv1_075_192": 0.65,
    "squeezenet1_1_caffe": 0.45,
}
EMBEDDINGS = {"edgeface_xxs": 512, "mobilefacenet_relu6_112": 128}


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> tuple[Tensor, Tensor]:
    """Photos (n, 3, 299, 299) in [0, 1] and their classes."""
    folder = shared_data / "imagenet"
    rows = list(csv.DictReader((folder / "nips2017dev.csv").read_text("utf-8").splitlines()))
    pixels = []
    for row in rows[:COUNT]:
        with Image.open(folder / "nips2017dev" / Path(row["file"]).name) as picture:
            pixels.append(torch.from_numpy(np.array(picture.convert("RGB"))))
    labels = torch.tensor([int(row["label"]) for row in rows[:COUNT]])
    return torch.stack(pixels).permute(0, 3, 1, 2) / 255, labels


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(AT_LEAST))
def test_a_classifier_reads_photos_as_well_as_was_measured(
    name: str, photos: tuple[Tensor, Tensor]
) -> None:
    images, labels = photos
    model = load(CARDS / f"{name}.toml")
    with torch.no_grad():
        logits = [model.output(images[i : i + 10]) for i in range(0, COUNT, 10)]
    right = torch.cat(logits).argmax(1) == labels
    assert right.float().mean() >= AT_LEAST[name]
    assert model.network.get_submodule(model.taps[0]) is not None


@pytest.mark.data
@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("name", sorted(EMBEDDINGS))
def test_a_face_network_embeds(name: str) -> None:
    model = load(CARDS / f"{name}.toml")
    assert model.task == "embed"
    assert model(torch.full((1, 3, 112, 112), 0.5)).output.shape == (1, EMBEDDINGS[name])
