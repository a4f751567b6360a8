"""What the keyed rotation of a record costs, with all the checks that a store makes of it."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.app.shield.keyed import keyed
from anamorph.keys import key as keys
from anamorph.templates.checking import as_features, check_rows

RECORDS, BATCH = 2000, 500
ROUNDS = 9
"""The median of so many is reported."""

_ALONE = 400


def cost(rows: NDArray[np.float32]) -> dict[str, Any]:
    """Milliseconds of processor time for a record: in batches, alone, and alone when checked."""
    shielding = keyed(keys.new("rotation"))
    began = time.process_time()
    shielding(rows[:1])
    prepared = time.process_time() - began

    def checked(row: NDArray[np.float32]) -> None:
        features = as_features(row, "the probe")
        check_rows(range(len(features)), features, "the probe")
        shielding(features)

    ways: dict[str, tuple[Callable[[NDArray[np.float32]], Any], int]] = {
        "batch": (shielding, BATCH),
        "alone": (shielding, 1),
        "alone_checked": (checked, 1),
    }
    ms = {name: _milliseconds(call, rows, size) for name, (call, size) in ways.items()}
    return {"ms_per_record": ms, "ms_first": round(1000 * prepared, 1)}


def _milliseconds(call: Callable[[Any], Any], rows: NDArray[np.float32], size: int) -> float:
    taken = []
    for _ in range(ROUNDS):
        some = rows if size > 1 else rows[:_ALONE]
        began = time.process_time()
        for start in range(0, len(some), size):
            call(some[start : start + size])
        taken.append(1000 * (time.process_time() - began) / len(some))
    return round(median(taken), 4)
