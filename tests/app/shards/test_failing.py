"""Runs in shards in which something fails: a picture, a worker, the storage."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.shards import carrying, placing
from anamorph.batch.shards import Died, Here
from anamorph.errors import NotWritten
from anamorph.files.photo import Limits
from anamorph.files.remote import create, fetch, remove

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")

Copies = Callable[..., Any]
FIVE = {name: name for name in ("ant", "bee", "cat", "dog", "emu")}
RESULTS = {f"{name}.png": name.upper().encode() for name in FIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadly:
    """An engine whose workers die of shards that hold certain pictures."""

    pictures: frozenset[str]

    def run(self, prepare: Any, shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for place, result in Here().run(prepare, shards):
            urls = [entry.url for _, entry in shards[place].shard.entries]
            dies = any(url.endswith(name) for url in urls for name in self.pictures)
            yield place, Died() if dies else result


@dataclass(frozen=True, slots=True)
class Using:
    """A use case that works in another way."""

    like: Any
    use: Any
    good: str = "copied"
    together: bool = False
    limits: Limits = Limits()

    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = self.like.header()
        return header

    def knowing(self, pictures: object) -> "Using":
        return self

    def prepared(self) -> Any:
        return self.use


def test_a_bad_picture_fails_and_the_rest_stands(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE | {"cat": "bad"})
    report = disk.run(copies())
    assert not report.ok
    assert report.counts == {"copied": 4, "failed": 1}
    assert report.failures == ((f"{disk.source}/cat.jpg", f"{disk.source}/cat.jpg: is bad"),)
    assert disk.results() == {n: data for n, data in RESULTS.items() if n != "cat.png"}
    row = disk.rows()["cat.jpg"]
    assert (row["status"], row["output"]) == ("failed", None)


def test_a_picture_that_is_too_large_is_not_fetched(
    disk: Any, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fill(**FIVE, fox="f" * 100)
    fetched: list[str] = []

    def noted(url: str) -> bytes:
        fetched.append(url)
        return fetch(url)

    monkeypatch.setattr(carrying, "fetch", noted)
    report = disk.run(copies(limits=Limits(max_bytes=99)))
    assert report.counts == {"copied": 5, "failed": 1}
    assert "100 bytes, but at most 99 are read" in report.failures[0][1]
    assert f"{disk.source}/fox.jpg" not in fetched


def test_a_picture_that_vanished_after_it_was_listed_fails(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)
    report = disk.run(copies(), found=lambda _: remove(f"{disk.source}/cat.jpg"))
    assert report.counts == {"copied": 4, "failed": 1}
    assert "cat.jpg: is not there" in report.failures[0][1]


def test_a_picture_that_is_passed_over_is_told_of(disk: Any, copies: Copies) -> None:
    disk.fill(**FIVE)

    def forgetful(sources: Sequence[Path], out: Path, alive: Any) -> Any:
        records = copies()._use(sources, out, alive)
        return [r for r in records if not r["source"].endswith("cat.jpg")]

    report = disk.run(Using(copies(), forgetful))
    assert report.counts == {"copied": 4, "failed": 1}
    assert f"{disk.source}/cat.jpg" in report.failures[0][1]
    assert disk.rows().keys() == {f"{name}.jpg" for name in FIVE}


def test_a_shard_that_ends_with_an_error_is_tried_picture_by_picture(
    disk: Any, copies: Copies
) -> None:
    disk.fill(**FIVE)

    def fragile(sources: Sequence[Path], out: Path, alive: Any) -> Any:
        if any(path.name == "cat.jpg" for top in sources for path in top.rglob("*")):
            raise RuntimeError("no more memory")
        return copies()._use(sources, out, alive)

    report = disk.run(Using(copies(), fragile), pictures=4)
    assert report.counts == {"copied": 4, "failed": 1}
    assert report.failures == (
        (f"{disk.source}/cat.jpg", f"{disk.source}/cat.jpg: RuntimeError: no more memory"),
    )
    assert len(disk.rows()) == 5
    assert disk.run(copies(), pictures=4, resume=True).counts == {"skipped": 4, "copied": 1}
    assert disk.results() == RESULTS


@pytest.mark.parametrize("pictures", [1, 3, 64])
def test_the_picture_that_workers_die_of_fails_alone(
    disk: Any, copies: Copies, pictures: int
) -> None:
    disk.fill(**FIVE)
    report = disk.run(copies(), Deadly(pictures=frozenset({"cat.jpg"})), pictures=pictures)
    assert report.counts == {"copied": 4, "failed": 1}
    ((source, why),) = report.failures
    assert source == f"{disk.source}/cat.jpg"
    assert why.startswith(f"{source}: workers died of it, or hung")
    assert disk.rows()["cat.jpg"]["status"] == "failed"
    assert len(disk.rows()) == 5


def test_a_shard_that_is_done_a_second_time_ends_as_the_first_time(
    disk: Any, copies: Copies
) -> None:
    disk.fill(**FIVE, fox="bad")

    class Twice:
        """An engine that loses what a worker said, and has it say it again."""

        def run(self, prepare: Any, shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
            list(Here().run(prepare, shards))
            yield from Here().run(prepare, shards)

    report = disk.run(copies(), Twice())
    assert report.counts == {"copied": 5, "failed": 1}
    assert disk.results() == RESULTS
    assert len(disk.rows()) == 6


def test_a_storage_that_refuses_results_stops_the_run_and_it_can_go_on(
    disk: Any, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fill(**FIVE)

    def full(url: str, data: bytes) -> bool:
        if url.endswith("cat.png"):
            raise NotWritten(f"{url}: cannot be written: full")
        return create(url, data)

    with monkeypatch.context() as patch:
        patch.setattr(placing, "create", full)
        with pytest.raises(NotWritten, match=r"cat\.png: cannot be written: full"):
            disk.run(copies())
    assert disk.run(copies(), resume=True).ok
    assert disk.results() == RESULTS
    assert len(disk.rows()) == 5
