"""Runs in shards that are stopped go on: nothing is lost, doubled or done twice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.shards import placing
from anamorph.app.shards.records import Records
from anamorph.batch.shards import Here
from anamorph.files.remote import fetch, put

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

Copies = Callable[..., Any]
Tree = Callable[[Path], dict[str, tuple[bytes, int]]]
FIVE = {name: name for name in ("ant", "bee", "cat", "dog", "emu")}
RESULTS = {f"{name}.png": name.upper().encode() for name in FIVE}
SOURCES = {f"{name}.jpg" for name in FIVE}


@dataclass(frozen=True, slots=True)
class Stopping:
    """An engine that is stopped after some shards."""

    after: int

    def run(self, prepare: Any, shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for place, result in Here().run(prepare, shards):
            if place == self.after:
                raise KeyboardInterrupt
            yield place, result


def complete(place: Any, results: dict[str, bytes] = RESULTS) -> None:
    """All pictures have their results, and one record each; nothing is left half done."""
    assert place.results() == results
    rows = place.rows()
    assert {row["output"].removeprefix(f"{place.out}/") for row in rows.values()} == set(results)
    assert all(row["status"] == "copied" for row in rows.values())


@pytest.mark.parametrize("after", range(5))
def test_a_run_that_is_stopped_between_shards_goes_on(
    disk: Any, copies: Copies, after: int
) -> None:
    disk.fill(**FIVE)
    with pytest.raises(KeyboardInterrupt):
        disk.run(copies(), Stopping(after), pictures=1)
    again = copies()
    # the engine was stopped when it had finished one shard more
    assert disk.run(again, pictures=1, resume=True).counts.get("copied", 0) == 4 - after
    assert len(again.worked) == 4 - after
    complete(disk)


@pytest.mark.parametrize("pictures", [1, 2, 64])
@pytest.mark.parametrize("change", [{}, {"cow": "cow"}, {"cat": "lynx"}])
def test_a_run_that_is_stopped_between_results_and_records_goes_on(
    disk: Any,
    copies: Copies,
    monkeypatch: pytest.MonkeyPatch,
    pictures: int,
    change: dict[str, str],
) -> None:
    disk.fill(**FIVE)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Records, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            disk.run(copies(), pictures=pictures)
    assert disk.results() != {}
    disk.fill(**change)
    report = disk.run(copies(), pictures=pictures, resume=True)
    assert report.counts == {"copied": len(FIVE | change)}
    complete(disk, {f"{n}.png": text.upper().encode() for n, text in (FIVE | change).items()})


def test_a_run_that_is_stopped_before_its_first_result_takes_nothing_for_its_own(
    disk: Any, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fill(**FIVE)
    put(f"{disk.out}/cat.png", b"somebody's")

    def stop(url: str, data: bytes) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(placing, "create", stop)
        with pytest.raises(KeyboardInterrupt):
            disk.run(copies(), pictures=64)
    assert disk.run(copies(), pictures=64, resume=True).counts == {"copied": 4, "failed": 1}
    assert fetch(f"{disk.out}/cat.png") == b"somebody's"


@pytest.mark.parametrize("name", FIVE)
def test_a_mended_picture_is_done_once_even_if_the_run_that_did_it_was_stopped(
    disk: Any, copies: Copies, name: str
) -> None:
    disk.fill(**FIVE | {name: "bad"})
    disk.run(copies(), pictures=1)
    disk.fill(**{name: name, "fox": "fox"})  # the fox is done last
    with pytest.raises(KeyboardInterrupt):
        disk.run(copies(), Stopping(1), pictures=1, resume=True)
    report = disk.run(copies(), pictures=1, resume=True)
    assert report.ok, report.failures
    complete(disk, RESULTS | {"fox.png": b"FOX"})


def test_a_run_goes_on_in_an_object_store_too(bucket: str, copies: Copies, place_at: Any) -> None:
    place = place_at(bucket)
    place.fill(**FIVE | {"cat": "bad"})
    with pytest.raises(KeyboardInterrupt):
        place.run(copies(), Stopping(2), pictures=1)
    put(f"{place.source}/cat.jpg", b"cat")
    put(f"{place.source}/fox.jpg", b"fox")
    again = copies()
    assert place.run(again, pictures=1, resume=True).counts == {"skipped": 2, "copied": 4}
    assert sorted(again.worked) == ["cat.jpg", "dog.jpg", "emu.jpg", "fox.jpg"]
    complete(place, RESULTS | {"fox.png": b"FOX"})


@pytest.mark.parametrize("at", [1, 3, 5])
def test_whoever_is_told_of_a_picture_can_stop_the_run(disk: Any, copies: Copies, at: int) -> None:
    disk.fill(**FIVE)
    told: list[str] = []

    def stop(status: str, _: str) -> None:
        told.append(status)
        if len(told) == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disk.run(copies(), done=stop)
    report = disk.run(copies(), resume=True)
    assert report.counts["skipped"] >= at
    complete(disk)
