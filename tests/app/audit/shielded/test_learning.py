"""Architectures of attackers, and how the work is told."""

from types import SimpleNamespace
from typing import Any

import pytest

from anamorph.app.audit.shielded.learning import (
    FINE_TUNED,
    Meter,
    training,
    tuning,
    unseen_kinds,
)
from anamorph.app.audit.shielded.planning import counts_for
from anamorph.models.networks.decoder_bodies import EMBEDDING_KINDS, MAP_KINDS


def _shadows(*kinds: str) -> Any:
    return [SimpleNamespace(design=SimpleNamespace(kind=kind)) for kind in kinds]


def test_attackers_have_architectures_that_no_shadow_has() -> None:
    assert unseen_kinds((4, 8, 8), []) == ("unet", "linear")
    assert unseen_kinds((4, 8, 8), _shadows("unet", "residual")) == ("linear", "deconvolution")
    assert unseen_kinds((4, 8, 8), _shadows(*MAP_KINDS)) == ("unet", "linear")
    assert unseen_kinds((8,), _shadows("mlp")) == ("ridge",)


@pytest.mark.parametrize("kind", [*MAP_KINDS, *EMBEDDING_KINDS])
def test_every_kind_can_be_trained_and_learns_on_more_slowly(kind: str) -> None:
    fresh, on = training(kind, 1000, 3), tuning(kind, 1000, 3)
    assert (fresh.kind, fresh.updates, fresh.seed) == (kind, 1000, 3)
    assert on.updates == FINE_TUNED
    assert on.rate < fresh.rate


def test_the_meter_tells_all_of_the_work_and_never_more() -> None:
    told: list[int] = []
    meter = Meter(watch=told.append)
    meter.begin(10, told.append)
    for _ in range(4):
        meter.tell(3)
    assert told == [10, 3, 3, 3, 1]
    meter.begin(20, None)
    meter.finish()
    assert sum(told[1:]) == 20


def test_attackers_learn_from_as_many_as_there_are() -> None:
    assert counts_for([100, 400, 1000], 400) == (100, 400)
    assert counts_for([100], 1) == ()
