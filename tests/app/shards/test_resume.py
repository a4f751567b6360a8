"""Runs in shards are gone on with: what stands is left, and what changed is done again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anamorph.errors import UsageError
from anamorph.files.remote import entries, put, remove

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

Copies = Callable[..., Any]
Tree = Callable[[Path], dict[str, tuple[bytes, int]]]
FIVE = {name: name for name in ("ant", "bee", "cat", "dog", "emu")}
RESULTS = {f"{name}.png": name.upper().encode() for name in FIVE}
SOURCES = {f"{name}.jpg" for name in FIVE}


def complete(place: Any, results: dict[str, bytes] = RESULTS) -> None:
    """All pictures have their results, and one record each; nothing is left half done."""
    assert place.results() == results
    rows = place.rows()
    assert {row["output"].removeprefix(f"{place.out}/") for row in rows.values()} == set(results)
    assert all(row["status"] == "copied" for row in rows.values())


def test_where_all_is_done_nothing_is_done(
    disk: Any, copies: Copies, tmp_path: Path, tree: Tree
) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    before, again = tree(tmp_path), copies()
    told: list[str] = []
    report = disk.run(again, resume=True, done=lambda status, _: told.append(status))
    assert report.counts == {"skipped": 5}
    assert (report.ok, report.kept, told) == (True, (5, 5), ["skipped"] * 5)
    assert again.worked == []
    assert tree(tmp_path) == before


def test_resuming_where_nothing_began_begins(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    assert disk.run(copies(), resume=True).counts == {"copied": 5}


def test_a_run_is_not_begun_twice_nor_gone_on_with_in_another_way(
    disk: Any, copies: Copies, tmp_path: Path, tree: Tree
) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="add --resume"):
        disk.run(copies())
    with pytest.raises(UsageError, match="seed was 0, now 1"):
        disk.run(copies(seed=1), resume=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("pictures", [1, 2, 64])
def test_what_failed_is_tried_again_and_the_rest_stands(
    disk: Any, copies: Copies, pictures: int
) -> None:
    disk.fill(**FIVE | {"cat": "bad"})
    disk.run(copies(), pictures=pictures)
    again = copies()
    assert not disk.run(again, pictures=pictures, resume=True).ok
    assert again.worked == ["cat.jpg"]
    assert disk.rows().keys() == SOURCES
    disk.fill(cat="cat")
    report = disk.run(copies(), pictures=pictures, resume=True)
    assert (report.ok, report.counts) == (True, {"skipped": 4, "copied": 1})
    complete(disk)


@pytest.mark.parametrize("pictures", [1, 2, 64])
def test_a_changed_picture_is_done_again_and_an_added_one_joins(
    disk: Any, copies: Copies, pictures: int
) -> None:
    disk.fill(**FIVE)
    disk.run(copies(), pictures=pictures)
    disk.fill(cat="lynx", cow="cow")
    again = copies()
    report = disk.run(again, pictures=pictures, resume=True)
    assert report.counts == {"skipped": 4, "copied": 2}
    assert sorted(again.worked) == ["cat.jpg", "cow.jpg"]
    complete(disk, RESULTS | {"cat.png": b"LYNX", "cow.png": b"COW"})
    assert disk.run(copies(), pictures=pictures, resume=True).counts == {"skipped": 6}


def test_a_picture_that_is_gone_has_no_record_any_more_and_keeps_its_result(
    disk: Any, copies: Copies
) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    remove(f"{disk.source}/cat.jpg")
    assert disk.run(copies(), resume=True).counts == {"skipped": 4}
    assert disk.rows().keys() == SOURCES - {"cat.jpg"}
    assert disk.results() == RESULTS


def test_a_result_that_is_gone_is_made_again(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    remove(f"{disk.out}/cat.png")
    again = copies()
    assert disk.run(again, resume=True).counts == {"skipped": 4, "copied": 1}
    assert again.worked == ["cat.jpg"]
    complete(disk)


@pytest.mark.parametrize(("before", "after"), [(2, 64), (64, 1), (1, 2)])
def test_shards_of_another_size_take_over_what_is_done(
    disk: Any, copies: Copies, before: int, after: int
) -> None:
    disk.fill(**FIVE)
    disk.run(copies(), pictures=before)
    again = copies()
    assert disk.run(again, pictures=after, resume=True).counts == {"skipped": 5}
    assert again.worked == []
    complete(disk)


def test_a_picture_that_was_good_then_bad_can_be_good_again(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    disk.fill(cat="bad")
    assert disk.run(copies(), resume=True).counts == {"skipped": 4, "failed": 1}
    disk.fill(cat="lynx")
    report = disk.run(copies(), resume=True)
    assert report.ok, report.failures
    complete(disk, RESULTS | {"cat.png": b"LYNX"})


def test_a_picture_that_was_away_can_come_back(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    remove(f"{disk.source}/cat.jpg")
    disk.run(copies(), resume=True)
    disk.fill(cat="cat")
    report = disk.run(copies(), resume=True)
    assert report.ok, report.failures
    complete(disk)


def test_a_picture_that_was_renamed_takes_over_its_result(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    disk.run(copies())
    remove(f"{disk.source}/cat.jpg")
    put(f"{disk.source}/cat.webp", b"cat")
    report = disk.run(copies(), resume=True)
    assert report.ok, report.failures
    complete(disk)


def test_a_damaged_part_stops_the_run_before_anything_is_done(
    disk: Any, copies: Copies, tmp_path: Path
) -> None:
    disk.fill(**FIVE)
    disk.run(copies(), pictures=64)
    (part,) = (tmp_path / "out/manifest").glob("*.parquet")
    part.write_bytes(b"damaged")
    again = copies()
    with pytest.raises(Exception, match="is damaged"):
        disk.run(again, pictures=64, resume=True)
    assert again.worked == []
    assert len(entries(disk.out)) == 8  # five results, run.json, before.json and the part
