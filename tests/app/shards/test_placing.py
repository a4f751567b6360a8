"""Results whose names their pictures' content gives, as what is revealed: none replaces another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.shards import placing
from anamorph.app.shards.placing import owned
from anamorph.app.shards.records import Records, Row
from anamorph.batch.shards import Alive, Here
from anamorph.files.photo import Limits
from anamorph.files.remote import create, put, remove

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")
pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'anamorph[cloud]'")


@dataclass(frozen=True, slots=True)
class Unpacks:
    """Writes what stands behind the colon in a picture into the file that stands before it."""

    mark: str = ""
    """Written too, as where a machine rounds in its own way."""
    good: str = "unpacked"
    together: bool = False
    limits: Limits = field(default_factory=Limits)

    def header(self) -> dict[str, Any]:
        return {"method": "unpack"}

    def knowing(self, pictures: object) -> "Unpacks":
        return self

    def prepared(self) -> Any:
        return self._use

    def _use(self, sources: Sequence[Path], out: Path, alive: Alive) -> list[dict[str, Any]]:
        out.mkdir()
        return [self._one(p, out) for top in sources for p in sorted(top.rglob("*.*"))]

    def _one(self, source: Path, out: Path) -> dict[str, Any]:
        name, _, text = source.read_text().partition(":")
        data, output = (text + self.mark).encode(), out / name
        row = {"source": str(source), "output": None, "status": "failed", "reason": "is there"}
        if output.exists():
            return row
        output.write_bytes(data)
        good = {"output": str(output), "status": self.good, "reason": ""}
        return {**row, **good, "output_sha256": sha256(data).hexdigest()}


@pytest.mark.parametrize("pictures", [1, 64])
def test_of_two_results_with_one_name_the_first_stays_and_the_second_fails(
    place: Any, pictures: int
) -> None:
    place.fill(ant="x.png:A", bee="x.png:B", cat="y.png:C")
    for done in ("unpacked", "skipped"):
        report = place.run(Unpacks(), pictures=pictures, resume=True)
        assert (report.counts[done], report.counts["failed"]) == (2, 1)
        assert report.failures[0][0] == f"{place.source}/bee.jpg"
        assert place.results() == {"x.png": b"A", "y.png": b"C"}
        assert place.rows()["bee.jpg"]["output"] is None


def test_one_result_of_two_pictures_is_fine(disk: Any) -> None:
    disk.fill(ant="x.png:A", bee="x.png:A")
    assert disk.run(Unpacks(), pictures=1).counts == {"unpacked": 2}
    disk.fill(bee="x.png:B")  # what both have is no longer replaced by either
    assert disk.run(Unpacks(), pictures=1, resume=True).counts == {"skipped": 1, "failed": 1}
    assert disk.results() == {"x.png": b"A"}


def test_the_result_of_a_picture_that_is_gone_is_not_replaced(disk: Any) -> None:
    disk.fill(ant="x.png:A")
    disk.run(Unpacks())
    remove(f"{disk.source}/ant.jpg")
    disk.fill(bee="x.png:B")
    report = disk.run(Unpacks(), resume=True)
    assert report.counts == {"failed": 1}
    assert "x.png: exists, and another picture's result is in it" in report.failures[0][1]
    assert disk.results() == {"x.png": b"A"}


@pytest.mark.parametrize("pictures", [1, 64])
def test_a_run_that_was_stopped_replaces_its_own_results(
    place: Any, monkeypatch: pytest.MonkeyPatch, pictures: int
) -> None:
    place.fill(ant="x.png:A", bee="y.png:B")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Records, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            place.run(Unpacks(), pictures=pictures)
    assert place.results() != {}
    report = place.run(Unpacks(mark="!"), pictures=pictures, resume=True)
    assert report.counts == {"unpacked": 2}, report.failures
    assert place.results() == {"x.png": b"A!", "y.png": b"B!"}


def test_a_worker_that_takes_over_a_shard_replaces_what_the_dead_one_wrote(disk: Any) -> None:
    disk.fill(ant="x.png:A", bee="y.png:B")

    class Twice:
        """An engine that loses what a worker said, and has another say it again."""

        def run(self, prepare: Any, shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
            list(Here().run(prepare, shards))
            yield from Here().run(lambda: _other(prepare()), shards)

    def _other(carrier: Any) -> Any:
        return type(carrier)(
            use=Unpacks(mark="!").prepared(),
            limits=carrier.limits,
            out=carrier.out,
            before=carrier.before,
        )

    assert disk.run(Unpacks(), Twice()).counts == {"unpacked": 2}
    assert disk.results() == {"x.png": b"A!", "y.png": b"B!"}


@pytest.mark.parametrize("racing", ["exists", "create"])
def test_workers_that_race_for_a_name_do_not_both_have_it(
    disk: Any, monkeypatch: pytest.MonkeyPatch, racing: str
) -> None:
    """On disks the place is taken in one step; where a storage cannot, the second is found out."""
    disk.fill(ant="x.png:A", bee="x.png:B")

    def late(url: str, data: bytes) -> bool:
        put(url, data)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(placing, "exists", lambda _: False)
        patch.setattr(placing, "create", create if racing == "exists" else late)
        report = disk.run(Unpacks(), pictures=1)
    # A late second one replaces what the first one wrote: then neither counts, until one is tried.
    counts = {"failed": 2} if racing == "create" else {"unpacked": 1, "failed": 1}
    assert report.counts == counts
    failed = {row["source"] for row in disk.rows().values() if row["status"] == "failed"}
    assert failed == {source for source, _ in report.failures}
    assert disk.run(Unpacks(), pictures=1, resume=True).counts["failed"] == 1
    (good,) = (row for row in disk.rows().values() if row["status"] == "unpacked")
    (held,) = disk.results().values()
    assert good["output_sha256"] == sha256(held).hexdigest()


def test_when_all_is_recorded_no_claims_are_left(disk: Any, tmp_path: Path) -> None:
    disk.fill(ant="x.png:A", bee="y.png:B")
    disk.run(Unpacks(), pictures=1)
    assert list((tmp_path / "out/manifest").glob("*.claims.json")) == []


def test_a_claim_on_what_is_recorded_of_another_picture_is_none() -> None:
    rows: list[Row] = [
        {"source": "a", "output": "x"},
        {"source": "b", "output": None, "earlier": ["y"]},
    ]
    own = owned(rows, {("c", "x"), ("c", "z")})
    assert own == {"a": {"x"}, "b": {"y"}, "c": {"z"}}
    shared: list[Row] = [{"source": "a", "output": "x"}, {"source": "b", "output": "x"}]
    assert owned(shared, set()) == {}
    assert owned(shared, set(), together=True) == {"a": {"x"}, "b": {"x"}}
