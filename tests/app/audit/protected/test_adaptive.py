"""A model that learns from protected files, tried on files it has not seen."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from anamorph.adversaries.adaptive import Epoch, Training
from anamorph.app.audit.protected.adaptive import Adaptation, adapt, distilled
from anamorph.errors import ModelError, UsageError
from anamorph.files.folders import Item
from anamorph.files.photo import read
from anamorph.metrics.accuracy import wilson
from anamorph.models import Model

COUNT = 40


class Folder(NamedTuple):
    items: list[Item]
    labels: dict[str, int]


def bright(label: int, chance: np.random.Generator) -> NDArray[np.uint8]:
    """A picture whose red or green side is lit, as the label says."""
    pixels = chance.integers(90, 110, (16, 16, 3))
    pixels[..., label] += 60
    return pixels.astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Forty small pictures, and files in which red and green have changed places."""
    chance = np.random.default_rng(0)
    items, labels = [], {}
    for kind in ("originals", "protected"):
        (tmp_path / kind).mkdir()
    for number in range(COUNT):
        name, label = f"{number:02d}.png", number % 2
        pixels = bright(label, chance)
        item = Item(source=tmp_path / "originals" / name, output=tmp_path / "protected" / name)
        Image.fromarray(pixels).save(item.source)
        Image.fromarray(pixels[..., [1, 0, 2]]).save(item.output)
        items.append(item)
        labels[name] = label
    return Folder(items, labels)


class Colors(nn.Module):
    """Reads which of red and green is brighter; blue never is."""

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 3, 1, bias=False)
        self.head = nn.Linear(3, 3, bias=False)
        self.early.weight.data = torch.eye(3)[..., None, None]
        self.head.weight.data = 4 * torch.eye(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = self.head(self.early(x).mean((2, 3)))
        return answers


@pytest.fixture(scope="module")
def reader(toy_of: Callable[..., Model]) -> Model:
    return toy_of(Colors(), name="colors")


LESSON = Training(epochs=40, learning_rate=0.1, shift=0)


def test_what_was_protected_is_read_again_after_learning(folder: Folder, reader: Model) -> None:
    found = adapt(folder.items, folder.labels, reader, counts=(4, 12), training=LESSON)
    assert found.before.clean.value == 1
    assert found.before.protected.value == found.before.kept.value == 0
    assert [learned.pictures for learned in found.learned] == [4, 12]
    assert found.learned[-1].after.protected.value == 1
    assert found.learned[-1].after.kept.value == 1


def test_figures_are_those_of_the_files_held_out(folder: Folder, reader: Model) -> None:
    found = adapt(folder.items, folder.labels, reader, counts=(4,), training=LESSON)
    n = found.held_out
    assert 0 < n < COUNT
    kept = found.before.kept
    assert (kept.n, kept.low, kept.high) == (n, *wilson(0, n))
    assert found.before.protected.n == found.learned[0].after.clean.n == n


def test_more_pictures_than_there_are_means_all_of_them_once(folder: Folder, reader: Model) -> None:
    found = adapt(folder.items, folder.labels, reader, counts=(500, 2000), training=LESSON)
    assert [learned.pictures for learned in found.learned] == [COUNT - found.held_out]


def test_the_same_run_gives_the_same_figures(folder: Folder, reader: Model) -> None:
    def figures(seed: int) -> tuple[object, ...]:
        training = Training(epochs=2, seed=seed)
        found = adapt(folder.items, folder.labels, reader, counts=(8,), training=training)
        return found.held_out, found.before, found.learned[0].losses

    assert figures(0) == figures(0)
    assert figures(0) != figures(1)


def test_the_model_stays_as_it_was(folder: Folder, reader: Model) -> None:
    before = {name: t.clone() for name, t in reader.network.state_dict().items()}
    adapt(folder.items, folder.labels, reader, counts=(4,), training=LESSON)
    after = reader.network.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())


def test_progress_is_told_for_each_number_of_pictures(folder: Folder, reader: Model) -> None:
    told: list[tuple[int, int]] = []

    def watch(pictures: int, epoch: Epoch) -> None:
        told.append((pictures, epoch.number))

    training = Training(epochs=2)
    adapt(folder.items, folder.labels, reader, counts=(8, 4), training=training, watch=watch)
    assert told == [(k, number) for k in (4, 8) for number in (1, 2, 3, 4)]


def test_a_student_learns_what_its_teacher_says_of_the_originals(
    folder: Folder, reader: Model
) -> None:
    found = distilled(folder.items, reader, counts=(12,), training=LESSON)
    assert found.before.clean.value == 1  # its own readings are right
    assert found.before.kept.value == 0
    assert found.learned[0].after.kept.value == 1


def test_labels_judge_a_student_and_do_not_teach_it(folder: Folder, reader: Model) -> None:
    wrong = {name: 1 - label for name, label in folder.labels.items()}
    how = {"counts": (12,), "training": LESSON}
    found = distilled(folder.items, reader, labels=wrong, **how)  # type: ignore[arg-type]
    own = distilled(folder.items, reader, **how)  # type: ignore[arg-type]
    assert found.learned[0].losses == own.learned[0].losses
    assert found.before.clean.value == 0
    assert found.before.protected.value == 1


def test_pairs_that_cannot_be_used_are_named_and_the_rest_stands(
    folder: Folder, reader: Model
) -> None:
    unlabeled, damaged, resized = folder.items[:3]
    labels = {name: label for name, label in folder.labels.items() if name != "00.png"}
    damaged.output.write_bytes(b"not a picture")
    Image.fromarray(read(resized.output).pixels[:8]).save(resized.output)
    found = adapt(folder.items, labels, reader, counts=(4,), training=LESSON)
    assert len(found.skipped) == 3
    for item, why in zip((unlabeled, damaged, resized), found.skipped, strict=True):
        assert item.source.name in why
    assert "has no row in the labels" in found.skipped[0]
    assert "has another size than its original" in found.skipped[2]


def test_labels_come_from_a_table_too(folder: Folder, reader: Model, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = [f"{name},{label}" for name, label in folder.labels.items()]
    table.write_text("\n".join(["file,label", *rows]))
    found = adapt(folder.items, table, reader, counts=(4,), training=LESSON)
    assert found.before.clean.value == 1


def test_the_result_is_plain_values_that_json_can_hold(folder: Folder, reader: Model) -> None:
    found: Adaptation = adapt(folder.items, folder.labels, reader, counts=(4,), training=LESSON)
    told = json.loads(json.dumps(found.as_json()))
    assert told["model"] == "colors"
    assert told["learned"][0]["after"]["kept"]["n"] == found.held_out
    assert told["training"]["epochs"] == 40


def test_labels_of_another_model_are_refused(folder: Folder, reader: Model) -> None:
    labels = dict.fromkeys(folder.labels, 7)
    with pytest.raises(UsageError, match="its label is 7, but the model knows the classes 0 to 2"):
        adapt(folder.items, labels, reader, counts=(4,))


def test_too_few_pictures_are_refused(folder: Folder, reader: Model) -> None:
    with pytest.raises(UsageError, match="give more pictures"):
        adapt(folder.items[:1], folder.labels, reader, counts=(4,))


def test_counts_that_make_no_sense_are_refused(folder: Folder, reader: Model) -> None:
    with pytest.raises(UsageError, match="give numbers of at least 2"):
        adapt(folder.items, folder.labels, reader, counts=(1, 4))


def test_a_model_without_classes_is_refused(folder: Folder, embedder: Model) -> None:
    with pytest.raises(ModelError, match="has the task embed"):
        adapt(folder.items, folder.labels, embedder, counts=(4,))
