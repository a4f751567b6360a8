"""Runs in shards on a Ray cluster of this machine: their pace, and what kills do to them.

    python benchmarks/cluster.py

Parts: `throughput` (two workers beside one), `dispatch` (shards without work), `kills` (workers and
the driver killed over a bucket of a real S3 server on this machine), `capacity` (a simulation with
what the other parts measured).
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cluster_capacity import capacity
from benchmarks.page_cluster import page
from benchmarks.places import RESULTS, WORK
from benchmarks.runs import Results

from anamorph import portraits
from anamorph.app.shards.records import Records
from anamorph.app.shards.run import run
from anamorph.app.shards.use_cases import Protects
from anamorph.batch.ray_data import OnRay
from anamorph.batch.shards import Alive, Engine, Here
from anamorph.files.remote import entries, fetch, put

MODEL = "portraits:identity-residual"
PARTS = ("throughput", "dispatch", "kills", "capacity")
SIZE = 128
_SHARD = 16
_PEOPLE = 25
_CLI = (sys.executable, "-c", "from anamorph.cli import main; main()")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    results = Results(folder=options.results, name="cluster", page=page, redo=options.redo)
    WORK.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cores = os.cpu_count() or 1
    parts: dict[str, tuple[int, Callable[[], Any], dict[str, Any]]] = {
        "throughput": (
            options.long,
            partial(throughput, options.long, options.rounds),
            {
                "model": MODEL,
                "size": SIZE,
                "long": options.long,
                "rounds": options.rounds,
                "workers": 2,
                "threads": 1,
                "shard": _SHARD,
            },
        ),
        "dispatch": (options.shards, partial(dispatch, options.shards), {"workers": 2}),
        "kills": (
            options.pictures,
            partial(kills, options.pictures, options.kills),
            {"model": MODEL, "size": SIZE, "kills": options.kills, "shard": _SHARD},
        ),
        "capacity": (0, lambda: capacity(results.runs()), {"cores": cores}),
    }
    for name in options.parts.split(","):
        n, measured, settings = parts[name]
        results.measure(name, settings, n, measured)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def throughput(pictures: int, rounds: int) -> dict[str, Any]:
    """Seconds of whole runs, in turns: one worker in this process, two on Ray.

    A cluster's workers start for every run, which takes as long as some tens of pictures. So a
    short and a long run are timed: what the long one takes more is the pace of workers at work.
    """
    short = pictures // 4
    times: dict[str, list[tuple[float, float]]] = {"here": [], "ray": []}
    with tempfile.TemporaryDirectory(dir=WORK) as folder, _cluster():
        top = Path(folder)
        sources = {n: _portraits(top / f"in-{n}", n) for n in (short, pictures)}
        engines: Mapping[str, Engine] = {"here": Here(), "ray": OnRay(workers=2)}
        for turn in range(rounds):
            for name in sorted(engines, reverse=bool(turn % 2)):
                spent = []
                for n, source in sources.items():
                    began = time.perf_counter()
                    report = _protect(source, str(top / f"{name}-{n}-{turn}"), engines[name])
                    spent.append(time.perf_counter() - began)
                    if report.counts != {"protected": n}:
                        raise RuntimeError(f"{name}: {report.counts}")
                times[name].append((spent[0], spent[1]))
    pace = {
        name: [(pictures - short) / (long - brief) for brief, long in found]
        for name, found in times.items()
    }
    quotients = [b / a for a, b in zip(pace["here"], pace["ray"], strict=True)]
    whole = [a[1] / b[1] for a, b in zip(times["here"], times["ray"], strict=True)]
    start = [brief - short / p for (brief, _), p in zip(times["ray"], pace["ray"], strict=True)]
    return {
        "here_per_second": round(median(pace["here"]), 3),
        "ray_per_second": round(median(pace["ray"]), 3),
        "ray_over_here": round(median(quotients), 3),
        "of_each_round": [round(q, 3) for q in quotients],
        "whole_run": round(median(whole), 3),
        "seconds_to_start": round(median(start), 1),
        "seconds_a_shard": round(_SHARD / median(pace["here"]), 3),
    }


@dataclass(frozen=True)
class Idle:
    """No work: what is left is the cluster's own."""

    def __call__(self) -> Callable[[int, Alive], int]:
        """Nothing is loaded."""
        return _nothing


def _nothing(shard: int, alive: Alive) -> int:
    alive()
    return shard


def dispatch(shards: int) -> dict[str, Any]:
    """Shards a second that do nothing: the most that one driver can hand out."""
    with _cluster():
        engine = OnRay(workers=2)
        list(engine.run(Idle(), list(range(8))))
        began = time.perf_counter()
        done = len(list(engine.run(Idle(), list(range(shards)))))
        seconds = time.perf_counter() - began
    return {"shards": done, "shards_per_second": round(done / seconds, 2)}


def kills(pictures: int, times: int) -> dict[str, Any]:
    """Kill workers, and once the driver; resume; count what is lost, doubled or wrong."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory(dir=WORK) as folder, _bucket() as bucket:
        source = _portraits(Path(folder) / "in", pictures)
        for path in source.glob("*.png"):
            put(f"{bucket}/in/{path.name}", path.read_bytes())
        out, killed, started = f"{bucket}/out", Counter[str](), 0
        while True:
            started += 1
            driver = _driver(bucket, out, Path(folder, f"log-{started}"), resume=started > 1)
            while driver.poll() is None and killed["workers"] + killed["drivers"] < times:
                time.sleep(chance.uniform(3, 12))
                workers = _workers()
                if killed["workers"] == times // 2 and not killed["drivers"]:
                    os.killpg(driver.pid, signal.SIGKILL)
                    killed["drivers"] += 1
                elif workers:
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed["workers"] += 1
            driver.wait()
            _clear_up()
            if driver.returncode == 0:
                break
            if started > times:
                raise RuntimeError(Path(folder, f"log-{started}").read_text()[-2000:])
        return {"killed": dict(killed), "drivers_started": started, **_counted(bucket, out)}


def _counted(bucket: str, out: str) -> dict[str, int]:
    """What became of every picture."""
    records = Records(out=out)
    rows = list(records.every(records.done()))
    sources = Counter(row["source"] for row in rows)
    made = {entry.url for entry in entries(out) if entry.relative.endswith(".png")}
    told = {row["output"]: row["output_sha256"] for row in rows if row["output"]}
    wrong = sum(sha256(fetch(url)).hexdigest() != told.get(url) for url in made)
    wanted = {entry.url for entry in entries(f"{bucket}/in")}
    return {
        "lost": len(wanted - set(sources)) + len(set(told) - made),
        "doubled": sum(count - 1 for count in sources.values()),
        "wrong": wrong + len(made - set(told)),
        "failed": sum(row["status"] == "failed" for row in rows),
    }


def _protect(source: Path, out: str, engine: Engine) -> Any:
    return run([source], out, Protects(authorized=(MODEL,)), engine, pictures=_SHARD)


def _portraits(folder: Path, count: int) -> Path:
    portraits.write_folder(folder, range(_PEOPLE), range(-(-count // _PEOPLE)), size=SIZE)
    for path in sorted(folder.glob("*.png"))[count:]:
        path.unlink()
    return folder


@contextmanager
def _cluster() -> Iterator[None]:
    import ray

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - as Ray spells it; no better place
    OnRay(cores=2).connect(ray)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _bucket() -> Iterator[str]:
    """The URL of an empty bucket of an S3 server on this machine."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        s3fs.S3FileSystem().mkdir("pictures")
        yield "s3://pictures"
    finally:
        server.stop()


def _driver(bucket: str, out: str, log: Path, *, resume: bool) -> "subprocess.Popen[bytes]":
    command = [*_CLI, "protect", f"{bucket}/in", "--out", out, "--authorized", MODEL]
    command += ["--engine", "ray", "--workers", "2", "--shard", str(_SHARD)]
    command += ["--resume"] if resume else []
    with log.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)


def _workers() -> list[int]:
    """The processes of this machine's actors that map shards."""
    return [pid for pid, name in _processes() if name.startswith("ray::MapWorker")]


def _clear_up() -> None:
    """End what a killed driver left behind."""
    for pid, name in _processes():
        if name.startswith("ray::") or "/ray/core/src/ray/" in name or "/ray/_private/" in name:
            _end(pid)
    time.sleep(2)


def _end(pid: int) -> None:
    """Kill a process that may have ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _processes() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "cmdline").read_bytes().decode().replace("\0", " ")
            except OSError:
                continue


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Runs in shards on a Ray cluster.")
    parser.add_argument("--parts", default=",".join(PARTS), help="separated by commas")
    parser.add_argument("--pictures", type=int, default=192, help="in a run of kills")
    parser.add_argument("--long", type=int, default=768, help="in the long run of throughput")
    parser.add_argument("--rounds", type=int, default=3, help="of throughput")
    parser.add_argument("--shards", type=int, default=400, help="of dispatch")
    parser.add_argument("--kills", type=int, default=8, help="of workers and the driver")
    parser.add_argument("--redo", action="store_true", help="measure again")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
