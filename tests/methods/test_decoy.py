"""Decoys: the record has the person's embedding, and knows nothing else of the person."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.errors import UsageError
from anamorph.losses import cosine
from anamorph.methods.decoy import PRESETS, Decoy, Decoys, decoy
from anamorph.methods.spread import Spread, moved
from anamorph.optimize.engine import solve

GENERATOR = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(4, 2 * 6 * 5, generator=GENERATOR, dtype=torch.float64)
POOL = torch.rand(5, 2, 6, 5, generator=GENERATOR, dtype=torch.float64)
ONE = torch.ones(2, 1, 1, dtype=torch.float64)
SPREAD = Spread(deviation=0.3 * ONE, low=0 * ONE, high=ONE)


def tail(features: Tensor) -> Tensor:
    return (features - 0.5).flatten(1) @ WEIGHT.T


def people(n: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, 2, 6, 5, generator=generator, dtype=torch.float64)


def decoys() -> Decoys:
    return Decoys(POOL, tail(POOL))


def records(e: Tensor, seeds: list[int], p: Decoy | None = None) -> Tensor:
    problem = decoy(tail, e, decoys(), SPREAD, seeds, p or Decoy())
    u = torch.stack([s.value for s in solve(problem)])
    return moved(problem.context.z_d, u, SPREAD)


def test_the_recognizer_sees_the_person_in_the_record() -> None:
    e = tail(people())
    assert cosine(tail(records(e, [0, 1, 2])), e).min() > 0.95


def test_two_people_of_one_embedding_get_the_same_record() -> None:
    """All that the problem is told of a person is e."""
    z = people(1)
    off = torch.linalg.svd(WEIGHT).Vh[10].view(1, 2, 6, 5)  # a change the tail does not see
    twin = z + 0.3 * off
    assert_close(tail(twin), tail(z))
    assert_close(records(tail(twin), [7]), records(tail(z), [7]), rtol=0, atol=1e-6)


def test_the_record_is_a_decoy_with_a_bounded_change() -> None:
    e, p = tail(people()), Decoy(epsilon=0.5)
    problem = decoy(tail, e, decoys(), SPREAD, [3, 4, 5], p)
    change = records(e, [3, 4, 5], p) - problem.context.z_d
    assert change.abs().max() <= 0.5 * 0.3 + 1e-9
    assert all(any(torch.equal(z, one) for one in POOL) for z in problem.context.z_d)


def test_seeds_choose_among_all_decoys_and_nearest_ignores_them() -> None:
    e = tail(people(1))
    drawn = {
        decoy(tail, e, decoys(), SPREAD, [seed], Decoy()).context.z_d.sum().item()
        for seed in range(60)
    }
    assert len(drawn) == len(POOL)
    nearest = decoy(tail, e, decoys(), SPREAD, [0], Decoy(choice="nearest")).context.z_d
    assert torch.equal(nearest[0], POOL[cosine(tail(POOL), e.expand(5, -1)).argmax()])


def test_without_decoys_there_is_nothing_to_hide_behind() -> None:
    none = Decoys(POOL[:0], tail(POOL[:0]))
    with pytest.raises(UsageError, match="no decoys"):
        decoy(tail, tail(people(1)), none, SPREAD, [0], Decoy())


def test_the_fast_preset_is_the_default() -> None:
    assert PRESETS["fast"] == Decoy()
