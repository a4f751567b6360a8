"""A real Ray cluster on this machine, with workers that fail, die and hang."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anamorph import portraits
from anamorph.app.audit.protected.audit import audit
from anamorph.app.shards.carrying import Use
from anamorph.app.shards.records import Records
from anamorph.app.shards.run import run
from anamorph.app.shards.use_cases import Protects
from anamorph.batch.ray_data import OnRay
from anamorph.batch.shards import Alive, Died, Here
from anamorph.errors import NotWritten, UsageError
from anamorph.files.remote import entries, put
from anamorph.methods.fmd_parameters import FMD

MODEL = "portraits:identity-depthwise"
QUICK = FMD(steps=2)

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Ray's own modules: sockets of processes that were killed, and names that it has moved.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray"),
]

Engines = Callable[..., OnRay]


@pytest.fixture(scope="module")
def engine(object_store: str) -> Iterator[Engines]:
    """Engines that share one cluster of two cores, started when the object store was there."""
    import ray

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - as Ray spells it; or workers starve
    OnRay(cores=2).connect(ray)
    yield partial(OnRay, workers=2)
    ray.shutdown()


@dataclass(frozen=True)
class Toys:
    """Work that doubles numbers, and goes wrong at some."""

    def __call__(self) -> Callable[[int, Alive], int]:
        return _doubled


def _doubled(number: int, alive: Alive) -> int:
    alive()
    if number == 3:
        raise NotWritten("three: the disk is full; make room")
    if number == 4:
        raise ZeroDivisionError("four")
    if number == 5:
        os._exit(9)
    if number == 6:
        time.sleep(600)
    return 2 * number


def test_every_shard_ends_with_its_result_or_its_error(engine: Engines) -> None:
    found = dict(engine(silence=5.0).run(Toys(), list(range(8))))

    assert {place: found[place] for place in (0, 1, 2, 7)} == {0: 0, 1: 2, 2: 4, 7: 14}
    assert isinstance(found[3], NotWritten)
    assert str(found[3]) == "three: the disk is full; make room"
    assert "ZeroDivisionError: four" in str(found[4])
    assert isinstance(found[5], Died), "a worker that crashes every time"
    assert isinstance(found[6], Died), "a worker that hangs every time"


def test_nothing_to_do_starts_nothing() -> None:
    assert list(OnRay(address="192.0.2.1:1").run(Toys(), [])) == []


def test_workers_need_a_core_at_least(engine: Engines) -> None:
    with pytest.raises(UsageError, match="no room for a worker with 64 threads"):
        list(engine(threads=64).run(Toys(), [1]))
    with pytest.raises(UsageError, match="at least one of each"):
        OnRay(workers=0)


@dataclass(frozen=True, kw_only=True)
class Poisoned(Protects):
    """Protecting, but one picture kills whoever opens it."""

    def prepared(self) -> Use:
        use = Protects.prepared(self)

        def poisoned(sources: Sequence[Path], out: Path, alive: Alive) -> list[Any]:
            if any(path.name == "person001_002.png" for s in sources for path in s.rglob("*.png")):
                os._exit(9)
            return list(use(sources, out, alive))

        return poisoned


def test_a_poisonous_picture_fails_alone_in_a_bucket(
    engine: Engines, bucket: str, tmp_path: Path
) -> None:
    portraits.write_folder(tmp_path, range(3), range(4), size=48)
    for path in sorted(tmp_path.glob("*.png")):
        put(f"{bucket}/in/{path.name}", path.read_bytes())
    out = f"{bucket}/out"
    case = Poisoned(authorized=(MODEL,), parameters=QUICK)

    report = run([f"{bucket}/in"], out, case, engine(), pictures=4)

    assert report.counts == {"protected": 11, "failed": 1}
    ((source, why),) = report.failures
    assert source == f"{bucket}/in/person001_002.png"
    assert "workers died of it" in why
    rows = list(Records(out=out).every(Records(out=out).done()))
    assert len({row["source"] for row in rows}) == len(rows) == 12
    made = {entry.url for entry in entries(out) if entry.relative.endswith(".png")}
    assert made == {row["output"] for row in rows if row["output"]}

    healthy = Protects(authorized=(MODEL,), parameters=QUICK)
    again = run([f"{bucket}/in"], out, healthy, engine(), pictures=4, resume=True)
    assert again.counts == {"protected": 1, "skipped": 11}


def test_an_audit_reads_the_same_on_a_cluster(engine: Engines, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    portraits.write_folder(source, range(4), range(10), size=48)
    run([source], out, Protects(authorized=(MODEL,), parameters=QUICK), Here())
    how: dict[str, Any] = {
        "originals": source,
        "protected": out,
        "authorized": MODEL,
        "panel": ["portraits:identity-vgg"],
        "labels": source / "labels.csv",
        "transforms": ["jpeg50"],
    }

    here, there = audit(**how), audit(**how, engine=engine())

    assert there.method == here.method
    assert there.means.kept == here.means.kept
    assert there.means.under == here.means.under
    assert [replace(one, psnr=0.0, readings=()) for one in there.images] == [
        replace(one, psnr=0.0, readings=()) for one in here.images
    ]
    assert here.as_json()["quality"] == there.as_json()["quality"]
