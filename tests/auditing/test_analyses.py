"""Figures of what changes inside models."""

from collections.abc import Callable

import numpy as np

from anamorph.auditing.analyses import confidence, histogram, quartiles
from anamorph.auditing.protocol import Readings
from anamorph.auditing.views import CLEAN, PROTECTED, Pair
from anamorph.types import Images


def test_quartiles_leave_out_what_is_no_number() -> None:
    found = quartiles([0.0, float("nan"), 4.0, 2.0, 1.0, 3.0])
    assert (found.low, found.median, found.high, found.n) == (1.0, 2.0, 3.0, 5)


def test_quartiles_of_nothing_are_nothing() -> None:
    found = quartiles([float("nan")])
    assert (found.low, found.median, found.high, found.n) == (None, None, None, 0)


def test_a_histogram_counts_every_number_once() -> None:
    values = np.linspace(0, 1, 101)
    assert sum(histogram(values)) == 101
    assert histogram(np.full(3, 0.25))[2] == 3


def test_confidence_is_that_of_the_readings(
    toy_party: Callable[..., Images],
    levels_pair: Callable[..., Pair],
    read: Callable[..., list[str]],
) -> None:
    readings = Readings(party=toy_party(), wanted=None)  # type: ignore[arg-type]
    batch = [levels_pair(0, 50, 90), levels_pair(1, 200, 128)]
    read([readings], [batch], [CLEAN, PROTECTED])
    found = confidence(readings)
    assert found is not None
    assert found.clean.median == float(np.median(readings.confidence[CLEAN]))
    assert found.protected.n == 2
    assert sum(found.histogram_protected) == 2


def test_a_model_that_crashed_or_embeds_has_no_confidence(
    toy_party: Callable[..., Images],
) -> None:
    crashed = Readings(party=toy_party(), wanted=None, errors=["gone"])  # type: ignore[arg-type]
    embeds = Readings(party=toy_party(task="embed"), wanted=None)  # type: ignore[arg-type]
    assert confidence(crashed) is None
    assert confidence(embeds) is None
