"""The recipes of small classifiers: they learn, can be stopped, and keep what can be loaded."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from PIL import Image
from zoo.train_attributes import TASKS, labels_of
from zoo.train_emotions import Face, examples, faces, held_out, tilted, write_folder
from zoo.training import Examples, Recipe, accuracy, keep, train

from anamorph import portraits
from anamorph.app.labels import read_labels
from anamorph.errors import UsageError
from anamorph.models import load
from zoo import training

RECIPE = Recipe(name="toy-depthwise", family="depthwise", labels=("dark", "bright"), epochs=2)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(training, "WORK", tmp_path / "scratch")
    return tmp_path / "scratch"


@pytest.fixture(scope="module")
def data() -> Examples:
    """Dark and bright pictures."""
    labels = torch.arange(64) % 2
    noise = torch.randint(0, 60, (64, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    return Examples(images=(noise + 150 * labels[:, None, None, None]).byte(), labels=labels)


def few(data: Examples) -> Examples:
    return Examples(images=data.images[:32], labels=data.labels[:32])


def test_a_stopped_run_gives_what_a_whole_one_gives(
    data: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(RECIPE, few(data)).state_dict()
    RECIPE.checkpoint.unlink()
    run, told = training.one_epoch, []

    def stops(*asked: Any) -> float:
        if asked[1] == 1:
            told.append(asked[1])
            raise KeyboardInterrupt
        return run(*asked)

    monkeypatch.setattr(training, "one_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, few(data))
    monkeypatch.setattr(training, "one_epoch", run)
    again = train(RECIPE, few(data)).state_dict()
    assert told == [1]
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_a_run_of_another_length_starts_afresh(data: Examples) -> None:
    train(replace(RECIPE, epochs=1), few(data))
    network = training.fresh("depthwise", 2, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(network.parameters())
    assert training.resume(RECIPE, network, optimizer) == 0


def test_what_is_kept_can_be_loaded_and_reads_as_before(data: Examples, tmp_path: Path) -> None:
    network = training.fresh("vgg", 2, torch.Generator().manual_seed(0)).eval()
    recipe = replace(RECIPE, name="toy-vgg", family="vgg")
    measured = keep(recipe, network, data, "64 pictures", tmp_path / "out")
    model = load(tmp_path / "out" / "toy-vgg.toml")
    answers = model.output(data.images[:16] / 255).argmax(1)
    wanted = network(training.normalized(data.images[:16])).argmax(1)
    assert torch.equal(answers, wanted)
    assert model.labels == ("dark", "bright")
    assert measured == accuracy(network, data)


def face(name: str) -> Face:
    return Face(name=name, emotion=4, image=portrait_image(name))


def portrait_image(name: str) -> Image.Image:
    return Image.fromarray(portraits.portrait(len(name), size=48))


def test_faces_are_split_by_who_is_shown() -> None:
    assert face("happy/S010_006_00000014.png").subject == "S010"
    sides = {subject: held_out(subject) for subject in ("S010", "S011", "S014", "S022", "S026")}
    assert sides == {subject: held_out(subject) for subject in sides}
    shares = [held_out(f"S{number:03d}") for number in range(1000)]
    assert 150 < sum(shares) < 250


def test_an_archive_without_emotions_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("cats/1.png", b"")
    with pytest.raises(UsageError, match="has no folder of pictures named anger"):
        faces(tmp_path / "a.zip")


def test_an_archive_is_read_by_its_folders(tmp_path: Path) -> None:
    buffer = BytesIO()
    portrait_image("a").save(buffer, "PNG")
    with ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("set/sadness/S1_1.png", buffer.getvalue())
        file.writestr("set/readme.txt", b"words")
    (found,) = faces(tmp_path / "a.zip")
    assert (found.emotion, found.subject) == (5, "S1")
    assert examples([found]).images.shape == (1, 3, 64, 64)


def test_tilting_is_decided_by_the_generator_alone() -> None:
    images = examples([face("happy/a.png"), face("happy/bb.png")]).images
    one, again, other = (
        tilted(images, 2, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == images.shape


def test_a_folder_of_faces_has_its_labels(tmp_path: Path) -> None:
    table = write_folder(tmp_path / "faces", [face("happy/S1_1.png"), face("happy/S2_1.png")])
    assert read_labels(table) == {"happy-S1_1.png": 4, "happy-S2_1.png": 4}
    assert (tmp_path / "faces" / "happy-S2_1.png").is_file()


@pytest.mark.parametrize("task", TASKS)
def test_attributes_are_those_of_the_portraits(task: str) -> None:
    names, truth = TASKS[task]
    found = labels_of(task, [3, 4], range(5))
    wanted = [truth(portraits.take(who, number)) for who in (3, 4) for number in range(5)]
    assert [names[i] for i in found] == wanted
