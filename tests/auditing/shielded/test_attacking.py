"""Attackers with decoders of a few lines: each measured on records and on clean features."""

from collections.abc import Callable
from typing import NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor

from anamorph.adversaries.reconstruct import LAWS
from anamorph.auditing.shielded.attacking import (
    Knowing,
    Sides,
    controls,
    decoded,
    inversions,
    references,
    tried,
    turned,
)
from anamorph.auditing.shielded.scene import Scene
from anamorph.errors import Cancelled
from anamorph.methods.spread import Spread
from anamorph.optimize.engine import Progress

SceneOf = Callable[..., Scene]
SPREAD = Spread(torch.ones(3, 1, 1), torch.zeros(3, 1, 1), torch.ones(3, 1, 1))


def test_a_decoder_is_tried_on_both_sides_after_every_cleaning(
    scene_of: SceneOf, faces: Tensor
) -> None:
    sides = Sides(faces, faces.roll(1, 0))
    rows = list(
        decoded(
            "unseen", "same", lambda z: z, sides, SPREAD, scene_of(), cleanings=("none", "clip")
        )
    )
    assert [one.row.name for one in rows] == ["same", "same, after clip"]
    for one in rows:
        assert one.row.clean is not None
        assert one.row.shielded is not None
        assert one.row.clean.picked.value == 1.0
        assert one.row.shielded.picked.value == 0.0
    assert rows[0].clean is not None
    assert torch.equal(rows[0].clean, faces)
    assert rows[1].clean is None


def test_noise_has_the_size_of_the_shields_change(scene_of: SceneOf, faces: Tensor) -> None:
    sides = Sides(faces, faces + 0.3)
    rows = list(controls("same", lambda z: z, sides, SPREAD, range(20), scene_of()))
    assert [one.row.name for one in rows] == [f"{law} noise" for law in LAWS]
    for one in rows:
        assert one.shielded is not None
        size = (one.shielded - faces).flatten(1).norm(dim=1)
        assert torch.allclose(size, (sides.shielded - faces).flatten(1).norm(dim=1), rtol=1e-3)


def test_who_does_not_look_gets_the_mean_and_somebody_else(
    scene_of: SceneOf, faces: Tensor
) -> None:
    mean, other = references(faces.flip(0)[:7], scene_of())
    assert mean.shielded is not None
    assert torch.equal(mean.shielded[0], mean.shielded[1])
    assert other.row.clean is None
    assert other.row.shielded is not None
    assert other.row.shielded.picked.n == 20


def test_inversion_finds_pictures_that_are_read_alike_and_can_be_stopped(
    scene_of: SceneOf, faces: Tensor
) -> None:
    made = scene_of()

    def read(images: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)

    sides = Sides(read(faces), read(faces.roll(1, 0)))
    (one,) = inversions("inverted", "about", read, sides, made, 2)
    assert one.row.clean is not None
    assert one.row.clean.picked.value == 1.0
    assert one.row.clean.picked.n == 2
    assert one.row.shielded is not None
    assert one.row.shielded.picked.value == 0.0

    def stop(_: Progress) -> NoReturn:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(inversions("inverted", "about", read, sides, made, 1, watch=stop))


def test_pairs_turn_keyed_embeddings_back_where_there_are_enough(scene_of: SceneOf) -> None:
    made, rng = scene_of(), np.random.default_rng(2)
    width = made.enrolled.shape[1]
    q = torch.from_numpy(np.linalg.qr(rng.normal(size=(width, width)))[0]).float()
    others = torch.from_numpy(rng.normal(size=(60, width))).float()
    sides = Sides(made.enrolled, made.enrolled @ q.T)
    knowing = Knowing(others, others @ q.T, others)
    blank = torch.zeros(20, 3, 24, 24)
    shape, few, many = turned(lambda z: blank[: len(z)], sides, knowing, [4, 60], made)
    assert shape.row.learned is None
    assert not any(one.row.error for one in (shape, few, many))
    assert few.row.shielded is not None
    assert many.row.shielded is not None
    assert few.row.shielded.replayed.value == 0.0
    assert many.row.shielded.replayed.value == 1.0
    assert many.row.learned == 60


def test_who_crashes_has_a_row_that_says_so(scene_of: SceneOf) -> None:
    def crash() -> NoReturn:
        raise RuntimeError("out of memory")

    one = tried("unseen", "brittle", "", crash, None, scene_of(), 3)
    assert one.row.error == "RuntimeError: out of memory"
    assert one.shielded is None
    assert one.row.learned == 3
