"""How near guesses come: the faces themselves, others', and a judge that crashes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from anamorph.auditing.shielded.scene import Scene, passing, shown

SceneOf = Callable[..., Scene]


def test_the_faces_themselves_show_everything(scene_of: SceneOf, faces: Tensor) -> None:
    found = shown(scene_of(), faces)
    assert found.ssim is not None
    assert found.identity is not None
    assert found.ssim.mean == pytest.approx(1, abs=1e-5)
    assert found.identity.least == pytest.approx(1, abs=1e-5)
    assert found.psnr is None  # infinite
    assert (found.picked.value, found.replayed.value, found.picked.n) == (1.0, 1.0, 20)


def test_other_faces_show_nothing_and_few_may_be_guessed(scene_of: SceneOf, faces: Tensor) -> None:
    made = scene_of()
    found = shown(made, faces.roll(1, 0)[:5])
    assert (found.picked.value, found.picked.n) == (0.0, 5)
    assert found.replayed.value == 0.0
    assert made.chance == pytest.approx(1 / 20)


def test_what_the_matcher_is_shown_may_be_no_picture(scene_of: SceneOf, faces: Tensor) -> None:
    made = scene_of()
    found = shown(made, faces.roll(1, 0), made.enrolled)
    assert found.replayed.value == 1.0
    assert found.picked.value == 0.0


def test_values_outside_pictures_are_clipped_before_anybody_looks(
    scene_of: SceneOf, faces: Tensor
) -> None:
    made = scene_of()
    assert shown(made, faces * 9) == shown(made, (faces * 9).clamp(0, 1))


def test_without_judge_or_threshold_the_rest_stands(scene_of: SceneOf, faces: Tensor) -> None:
    found = shown(scene_of(broken=True, threshold=None), faces)
    assert found.identity is None
    assert found.picked.value is None
    assert found.replayed.value is None
    assert found.ssim is not None


def test_above_the_threshold_passes() -> None:
    assert passing(torch.tensor([0.4, 0.5, 0.6]), 0.5).value == pytest.approx(1 / 3)
