import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anamorph.errors import NotWritten, UsageError
from anamorph.portraits import EXPRESSIONS, PortraitSet, dataset, portrait, take, write_folder


@pytest.fixture(scope="module")
def people() -> PortraitSet:
    return dataset(range(40), range(6), size=32)


def test_a_portrait_is_eight_bit_color_of_the_size_asked_for() -> None:
    picture = portrait(1, 2, size=40)
    assert picture.shape == (40, 40, 3)
    assert picture.dtype == np.uint8
    assert np.ptp(picture) > 100


def test_a_set_goes_person_by_person_and_knows_its_labels(people: PortraitSet) -> None:
    assert people.images.shape == (240, 32, 32, 3)
    assert people.identities.tolist() == [i for i in range(40) for _ in range(6)]
    assert (people.images[15] == portrait(2, 3, size=32)).all()
    assert EXPRESSIONS[people.expressions[15]] == take(2, 3).expression


def test_no_two_pictures_are_alike(people: PortraitSet) -> None:
    assert len({image.tobytes() for image in people.images}) == 240


@pytest.mark.parametrize("middle", [slice(None), slice(12, 24)])
def test_color_alone_does_not_tell_who_it_is(people: PortraitSet, middle: slice) -> None:
    color = people.images[:, middle, middle].reshape(40, 6, -1, 3).mean(2)
    known = color[:, :4].mean(1)
    asked = color[:, 4:].reshape(-1, 3)
    nearest = np.linalg.norm(asked[:, None] - known[None], axis=-1).argmin(1)
    assert (nearest == np.repeat(np.arange(40), 2)).mean() < 0.2


def test_what_is_chosen_is_painted() -> None:
    assert (portrait(5, 1, size=32, glasses=True) != portrait(5, 1, size=32, glasses=False)).any()
    taken = take(5, 1, expression="sad", hair_style="bun")
    assert (taken.expression, taken.hair_style) == ("sad", "bun")


@pytest.mark.parametrize("numbers", [(-1, 0), (0, -1)])
def test_numbers_below_zero_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="count both from 0"):
        portrait(*numbers)


def test_absurd_sizes_and_empty_sets_are_refused() -> None:
    with pytest.raises(UsageError, match=r"size 4 is outside 16\.\.2048"):
        portrait(0, size=4)
    with pytest.raises(UsageError, match="got none"):
        dataset([], [1])


@pytest.mark.parametrize("label", ["identity", "expression"])
def test_a_folder_holds_the_pictures_and_their_labels(tmp_path: Path, label: str) -> None:
    table = write_folder(tmp_path / "faces", [3, 8], [0, 5], size=32, label=label)
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [
        "person003_000.png",
        "person003_005.png",
        "person008_000.png",
        "person008_005.png",
    ]
    last = rows[-1]
    taken = take(8, 5)
    expected = 8 if label == "identity" else EXPRESSIONS.index(taken.expression)
    assert last["label"] == str(expected)
    assert last["hair_style"] == taken.hair_style
    with Image.open(table.parent / last["file"]) as image:
        assert (np.asarray(image) == portrait(8, 5, size=32)).all()


def test_an_unknown_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose identity or expression"):
        write_folder(tmp_path, [0], [0], label="age")


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(NotWritten, match="file: portraits were not written"):
        write_folder(tmp_path / "file", [0], [0], size=16)
