"""How long a cluster takes, by a simulation of its scheduler with measured times.

One driver hands shards to workers as they become free, each hand-over taking its measured time; a
worker takes as long for a shard as was measured, more or less. Nothing else is shared, so nothing
else can saturate; storage is counted beside.
"""

import heapq
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from benchmarks.runs import Run

PICTURES = 64
"""In a shard, as by default."""

_SPREAD = 0.25
"""Of a shard's time, as a share of it: pictures differ."""

_MOST = 200_000
"""Shards that are simulated; more of them only go on the same way."""

WORKERS = (1, 10, 100, 1000, 10_000)
ARCHIVES = (100_000, 1_000_000, 10_000_000, 100_000_000)


def capacity(runs: Mapping[str, Run]) -> dict[str, Any]:
    """Hours for archives and workers, and the share of the time in which workers work.

    Args:
        runs: with `throughput` and `dispatch` measured.
    """
    through, dispatch = (runs[name]["figures"] for name in ("throughput", "dispatch"))
    seconds = PICTURES / through["here_per_second"]
    hand_over = 1 / dispatch["shards_per_second"]
    two = simulated(12, 2, through["seconds_a_shard"], hand_over)
    return {
        "seconds_a_picture": round(seconds / PICTURES, 4),
        "seconds_a_shard": round(seconds, 2),
        "seconds_to_hand_over": round(hand_over, 4),
        "checked": {
            "simulated_two_over_one": round(2 * two["busy"], 3),
            "measured_two_over_one": through["ray_over_here"],
        },
        "most_workers": math.floor(seconds / hand_over),
        "rows": [
            {
                "pictures": pictures,
                "workers": workers,
                **hours(pictures, workers, seconds, hand_over),
            }
            for pictures in ARCHIVES
            for workers in WORKERS
            if pictures >= workers * PICTURES
        ],
    }


def hours(pictures: int, workers: int, seconds: float, hand_over: float) -> dict[str, float]:
    """Of an archive; long ones are a simulated stretch, repeated."""
    shards = math.ceil(pictures / PICTURES)
    some = min(shards, max(_MOST, 20 * workers))
    found = simulated(some, workers, seconds, hand_over)
    return {"hours": round(found["seconds"] * shards / some / 3600, 3), "busy": found["busy"]}


def simulated(shards: int, workers: int, seconds: float, hand_over: float) -> dict[str, float]:
    """Seconds that shards take, and the share of it in which workers work.

    Args:
        shards: how many.
        workers: how many.
        seconds: that a shard takes on average.
        hand_over: seconds in which the driver hands over one shard.

    Example:
        >>> simulated(100, 1, 1.0, 0.0)["busy"]
        1.0
    """
    chance = np.random.default_rng(0)
    takes = np.maximum(chance.normal(1, _SPREAD, shards), 0.1) * seconds
    free = [0.0] * min(workers, shards)
    driver = end = 0.0
    for one in takes.tolist():
        ready = heapq.heappop(free)
        driver = max(driver, ready) + hand_over if hand_over else max(driver, ready)
        heapq.heappush(free, driver + one)
        end = max(end, driver + one)
    return {"seconds": end, "busy": round(float(takes.sum()) / (end * workers), 4)}
