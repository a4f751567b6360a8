"""The service: what it costs over the library, and what kills, harm and load do to it.

    python benchmarks/service.py

Four parts, each with a service in processes of its own on this machine.
"""

import argparse
import http.client
import io
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.page_service import page
from benchmarks.places import RESULTS, WORK
from benchmarks.runs import Results
from benchmarks.service_hostile import picture, uploads, within
from benchmarks.service_site import Site, serving

from anamorph.app.protect.protect import protect
from anamorph.models import Model, load

MODEL = "portraits:identity-residual"
PARTS = ("throughput", "kills", "hostile", "health")

_NICE = 5
"""As workers have: the library is to have no better place on a busy machine."""

_LEVELS = 16
_SLOW = 60.0
"""Seconds after which an upload that has no answer counts as hanging."""

_models: dict[str, Model] = {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and is not measured yet."""
    options = _parser().parse_args(arguments)
    results = Results(folder=options.results, name="service", page=page, redo=options.redo)
    WORK.mkdir(parents=True, exist_ok=True)
    parts: dict[str, tuple[int, Any, dict[str, Any]]] = {
        "throughput": (
            options.pictures,
            partial(throughput, options.pictures, options.size, options.rounds),
            {"model": MODEL, "size": options.size, "rounds": options.rounds, "threads": 1},
        ),
        "kills": (
            options.jobs,
            partial(kills, options.jobs, options.kills, options.size, options.workers),
            {"kills": options.kills, "size": options.size, "workers": options.workers},
        ),
        "hostile": (options.uploads, partial(hostile, options.uploads), {"seed": 0}),
        "health": (
            options.asked,
            partial(health, options.asked, options.size, options.workers),
            {"size": options.size, "workers": options.workers},
        ),
    }
    for name in options.parts.split(","):
        n, measured, settings = parts[name]
        results.measure(name, settings, n, measured)
    print(f"results: {results.path.name}, {results.path.with_suffix('.md').name}")
    return 0


def throughput(pictures: int, size: int, rounds: int) -> dict[str, Any]:
    """Pictures a second, in turns: the library in one process, the service with one worker."""
    made = [(f"{i}.png", picture("png", i % 40, size)) for i in range(pictures)]
    spawn = multiprocessing.get_context("spawn")
    library: list[tuple[float, float]] = []
    service: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory(dir=WORK) as folder,
        serving(Path(folder, "site"), MODEL, 1) as site,
        ProcessPoolExecutor(1, mp_context=spawn) as pool,
    ):
        pool.submit(_library, made[:2]).result()
        _through(site, made[:2])
        for turn in range(rounds):
            for name in ("library", "service") if turn % 2 == 0 else ("service", "library"):
                if name == "library":
                    library.append(pool.submit(_library, made).result())
                else:
                    service.append(_through(site, made))
    wall = [a[0] / b[0] for a, b in zip(library, service, strict=True)]
    cpu = [a[1] / b[1] for a, b in zip(library, service, strict=True)]
    return {
        "library_per_second": round(pictures / median(t for t, _ in library), 3),
        "service_per_second": round(pictures / median(t for t, _ in service), 3),
        "service_over_library": round(median(wall), 3),
        "service_over_library_cpu": round(median(cpu), 3),
        "of_each_round": [round(quotient, 3) for quotient in wall],
    }


def _library(pictures: Sequence[tuple[str, bytes]]) -> tuple[float, float]:
    """Wall and CPU seconds of `protect` on files."""
    if MODEL not in _models:
        os.nice(_NICE)
        torch.set_num_threads(1)
        _models[MODEL] = load(MODEL)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        source = Path(folder, "in")
        source.mkdir()
        for name, data in pictures:
            (source / name).write_bytes(data)
        wall, cpu = time.perf_counter(), time.process_time()
        report = protect([source], Path(folder, "out"), _models[MODEL])
        spent = (time.perf_counter() - wall, time.process_time() - cpu)
    if not report.ok:
        raise RuntimeError("the library failed")
    return spent


def _through(site: Site, pictures: Sequence[tuple[str, bytes]]) -> tuple[float, float]:
    """The same through the service: from the upload to the zip file of all results."""
    wall, cpu = time.perf_counter(), site.cpu_seconds()
    job = site.submit(pictures)
    status = site.finished(job)
    archive = site.ask("GET", f"/v1/jobs/{job}/results").body
    spent = (time.perf_counter() - wall, site.cpu_seconds() - cpu)
    with zipfile.ZipFile(io.BytesIO(archive)) as results:
        if status["counts"]["done"] != len(pictures) or len(results.namelist()) <= len(pictures):
            raise RuntimeError(f"the service failed: {status['counts']}")
    site.ask("DELETE", f"/v1/jobs/{job}")
    return spent


def kills(jobs: int, times: int, size: int, workers: int) -> dict[str, Any]:
    """Jobs of one picture each, while workers are killed at random."""
    originals = [picture("png", i % 40, size) for i in range(jobs)]
    rng = random.Random(0)
    with (
        tempfile.TemporaryDirectory(dir=WORK) as folder,
        serving(Path(folder, "site"), MODEL, workers) as site,
    ):
        began = time.perf_counter()
        ids = [site.submit([(f"{i}.png", data)]) for i, data in enumerate(originals)]
        killed = 0
        while killed < times and _waiting(site):
            time.sleep(rng.uniform(0.5, 4.0))
            there = site.workers()
            if there and site.ask("GET", "/readyz").status == 200:
                os.kill(rng.choice(there), signal.SIGKILL)
                killed += 1
        ended = [site.finished(job) for job in ids]
        lost = sum(one["state"] != "done" for one in ended)
        files = [list((site.data / "jobs" / job).glob("out-*")) for job in ids]
        wrong = sum(
            not _right(site, one, original) for one, original in zip(ended, originals, strict=True)
        )
        return {
            "killed": killed,
            "lost": lost,
            "doubled": sum(len(found) > 1 for found in files),
            "wrong": wrong,
            "seconds": round(time.perf_counter() - began, 1),
        }


def _waiting(site: Site) -> bool:
    text = site.ask("GET", "/metrics").body.decode()
    counts = dict(line.split() for line in text.splitlines() if line.startswith("anamorph_items{"))
    return any(float(counts[f'anamorph_items{{state="{s}"}}']) for s in ("queued", "running"))


def _right(site: Site, job: Any, original: bytes) -> bool:
    """Whether a result is what its record says, and protects what was sent."""
    item = job["items"][0]
    if item["result"] is None:
        return False
    data = site.ask("GET", item["result"]).body
    same = sha256(data).hexdigest() == item["record"]["output_sha256"]
    return same and item["record"]["kept"] is not False and within(original, data, _LEVELS)


def hostile(count: int) -> dict[str, Any]:
    """Uploads that mean harm, eight at a time."""
    with (
        tempfile.TemporaryDirectory(dir=WORK) as folder,
        serving(Path(folder, "site"), MODEL, 1) as site,
    ):
        first, before = site.workers(), site.peak_gib()
        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(partial(_harm, site), uploads(count, 0)))
        good = site.submit([("good.png", picture("png"))])
        alive = site.finished(good)["state"] == "done"
        return {
            "answers": dict(sorted(Counter(said).items())),
            "crashes": int(site.workers() != first) + sum(one == "500" for one in said),
            "hangs": sum(one == "hang" for one in said),
            "works_afterwards": alive,
            "before_gib": round(before, 3),
            "peak_gib": round(site.peak_gib(), 3),
        }


def _harm(site: Site, one: Any) -> str:
    try:
        answer = site.ask("POST", "/v1/protect", one.body, one.headers, timeout=_SLOW)
    except TimeoutError:
        return "hang"
    except (OSError, http.client.HTTPException, ValueError):
        return "connection closed"
    return str(answer.status)


def health(asked: int, size: int, workers: int) -> dict[str, Any]:
    """How long `/healthz` takes while every worker has more than it can do and uploads go on."""
    made = [(f"{i}.png", picture("png", i % 40, size)) for i in range(40)]
    stop = threading.Event()
    with (
        tempfile.TemporaryDirectory(dir=WORK) as folder,
        serving(Path(folder, "site"), MODEL, workers) as site,
    ):

        def load_on() -> None:
            while not stop.is_set():
                site.submit(made)
                stop.wait(5)

        loading = threading.Thread(target=load_on)
        loading.start()
        time.sleep(3)
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        taken = []
        for _ in range(asked):
            began = time.perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            taken.append(1000 * (time.perf_counter() - began))
            time.sleep(0.02)
        connection.close()
        stop.set()
        loading.join()
    hundredths = quantiles(taken, n=100)
    return {
        "median_ms": round(median(taken), 2),
        "p99_ms": round(hundredths[98], 2),
        "max_ms": round(max(taken), 2),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What the service costs and withstands.")
    parser.add_argument("--parts", default=",".join(PARTS), help="of this benchmark")
    parser.add_argument("--pictures", type=int, default=64, help="of throughput")
    parser.add_argument("--size", type=int, default=256, help="of the portraits, in pixels")
    parser.add_argument("--rounds", type=int, default=5, help="of throughput")
    parser.add_argument("--jobs", type=int, default=200, help="while workers are killed")
    parser.add_argument("--kills", type=int, default=20, help="at random")
    parser.add_argument("--workers", type=int, default=2, help="of kills and health")
    parser.add_argument("--uploads", type=int, default=1000, help="that mean harm")
    parser.add_argument("--asked", type=int, default=2000, help="how often for health")
    parser.add_argument("--redo", action="store_true", help="measure finished runs again")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
