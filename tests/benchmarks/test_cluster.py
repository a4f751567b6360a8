"""The simulated cluster, and its page."""

import pytest
from benchmarks.cluster_capacity import capacity, simulated
from benchmarks.page_cluster import page

RUN = {
    "date": "2026-01-01",
    "machine": {"cpu": "a processor", "threads": 1, "cores": 2, "memory_gib": 8},
    "versions": {"anamorph": "0", "torch": "2", "python": "3"},
    "n": 64,
    "seconds": 1.0,
}
FIGURES = {
    "throughput": {
        "here_per_second": 4.0,
        "ray_per_second": 7.5,
        "ray_over_here": 1.9,
        "of_each_round": [1.8, 1.9, 2.0],
        "whole_run": 1.5,
        "seconds_to_start": 12.0,
        "seconds_a_shard": 4.0,
    },
    "dispatch": {"shards": 400, "shards_per_second": 20.0},
    "kills": {
        "killed": {"workers": 7, "drivers": 1},
        "drivers_started": 2,
        "lost": 0,
        "doubled": 0,
        "wrong": 0,
        "failed": 0,
    },
}


def test_workers_share_the_work_until_the_driver_is_the_limit() -> None:
    alone = simulated(2000, 1, 1.0, 0.01)["seconds"]
    ten, hundred, thousand = (simulated(2000, n, 1.0, 0.01)["seconds"] for n in (10, 100, 1000))
    assert alone / ten == pytest.approx(10, rel=0.05)
    assert hundred >= 2000 * 0.01, "the driver hands over one after the other"
    assert thousand == pytest.approx(hundred, rel=0.1)


def test_the_page_tells_what_was_measured() -> None:
    runs = {
        name: {**RUN, "settings": {"size": 128}, "figures": figures}
        for name, figures in FIGURES.items()
    }
    runs["capacity"] = {**RUN, "settings": {}, "figures": capacity(runs)}
    text = page(runs)
    assert "**1.90** times as many (1.80 to 2.00 in 3 rounds; bar 1.7)" in text
    assert "Workers were killed 7 times, the driver once, at random; it was started 2 times" in text
    assert "at most 320 workers busy" in text
    assert "| 100,000,000 | 10,000 |" in text
