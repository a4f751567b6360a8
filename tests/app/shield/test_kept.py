"""How many records the matcher reads as before."""

import numpy as np

from anamorph.app.shield.kept import kept
from anamorph.app.shield.stopwatch import Timed
from anamorph.templates.role import Features, Judged


def test_records_from_the_least_cosine_on_are_kept() -> None:
    found = kept([0.9, 0.95, 0.123456], 0.9)
    assert found is not None
    assert (found.less, found.as_json()) == (
        1,
        {"records": 3, "kept": 2, "least_cosine": 0.9, "lowest": 0.1235, "median": 0.9},
    )


def test_of_nothing_nothing_is_said() -> None:
    assert kept([], 0.9) is None


def test_the_first_row_that_is_shielded_twice_counts_once() -> None:
    class Half:
        name, version, digest, least_cosine = "half", 1, "x", 0.6

        def __call__(self, features: Features) -> Features:
            return features

        def judged(self, features: Features) -> Judged:
            return Judged(features, features[:, 0])

    timed = Timed(Half())
    assert timed.kept is None
    timed(np.array([[0.5], [0.75]], np.float32))
    timed(np.array([[1.0]], np.float32))
    assert timed.kept is not None
    assert (timed.kept.records, timed.kept.kept, timed.kept.lowest) == (3, 2, 0.5)
