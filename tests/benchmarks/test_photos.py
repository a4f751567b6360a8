from pathlib import Path

import pytest
from benchmarks.photos import DIFFERENT, batch, first_of, labeled, write_large
from PIL import Image


def test_labeled_photos_come_in_the_order_of_the_csv(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some.csv").write_text("file,label\nb.jpg,2\na.jpg,1\nc.jpg,3\n")
    found = labeled(tmp_path / "some", first=1, count=5)
    assert [(photo.path.name, photo.label) for photo in found] == [("a.jpg", 1), ("c.jpg", 3)]


def test_photos_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert labeled(tmp_path / "nowhere", first=0, count=5) == ()


def test_a_batch_holds_different_pictures_and_is_always_the_same() -> None:
    one, other = batch(5, 32), batch(5, 32)
    assert one.shape == (5, 3, 32, 32)
    assert one.equal(other)
    assert not one[0].equal(one[4])


def test_large_photos_have_the_size_and_number_asked_for(tmp_path: Path) -> None:
    write_large(tmp_path, DIFFERENT + 2, size=(60, 40))
    photos = first_of(tmp_path, 100)
    assert len(photos) == DIFFERENT + 2
    for photo in photos:
        with Image.open(photo) as image:
            assert (image.size, image.format) == ((60, 40), "JPEG")
    assert len({photo.read_bytes() for photo in photos}) == DIFFERENT
    assert first_of(tmp_path, 3) == photos[:3]


@pytest.mark.data
def test_the_real_photos_have_labels(data: Path) -> None:
    photos = labeled(data / "imagenet" / "nips2017dev", first=0, count=3)
    assert all(photo.path.is_file() and 0 <= photo.label < 1000 for photo in photos)
    assert len(photos) == 3
