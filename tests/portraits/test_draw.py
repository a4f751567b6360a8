from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from anamorph.portraits.draw import draw
from anamorph.portraits.face import HAIR_STYLES, traits
from anamorph.portraits.scene import EXPRESSIONS, GARMENTS, GLASSES, directed, shot

Pixels: TypeAlias = NDArray[np.uint8]

PERSON = traits(3)
COARSE = [
    [226.3, 201.2, 208.4, 230.2],
    [200.4, 132.3, 147.9, 215.5],
    [173.0, 113.2, 131.0, 184.3],
    [164.3, 113.7, 123.8, 162.6],
]
"""Mean brightness of each sixteenth."""
TAKEN = replace(shot(PERSON, 1), glasses=None, yaw=0.0, pitch=0.0, roll=0.0)


def changed(a: Pixels, b: Pixels) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = np.abs(a.astype(int) - b.astype(int)).max(2) > 12
    return different


def test_the_same_picture_is_drawn_every_time() -> None:
    assert (draw(PERSON, TAKEN, 48) == draw(PERSON, TAKEN, 48)).all()


def test_a_picture_looks_as_it_did_when_the_models_were_trained() -> None:
    picture = draw(PERSON, TAKEN, 64).astype(float)
    coarse = picture.reshape(4, 16, 4, 16, 3).mean((1, 3, 4))
    assert np.abs(coarse - COARSE).max() < 1.5


def test_size_changes_the_sampling_and_not_the_picture() -> None:
    small = draw(PERSON, TAKEN, 48).astype(float)
    large = draw(PERSON, TAKEN, 192).reshape(48, 4, 48, 4, 3).mean((1, 3))
    assert np.abs(small - large).mean() < 2


@pytest.mark.parametrize("expression", EXPRESSIONS[1:])
def test_an_expression_changes_the_face_and_nothing_else(expression: str) -> None:
    neutral = draw(PERSON, directed(TAKEN, expression="neutral"), 64)
    pulled = draw(PERSON, directed(TAKEN, expression=expression), 64)
    different = changed(neutral, pulled)
    assert different.sum() > 40
    assert not different[:14].any()
    assert not different[:, :8].any()


@pytest.mark.parametrize("kind", GLASSES)
def test_glasses_show_around_the_eyes(kind: str) -> None:
    different = changed(draw(PERSON, TAKEN, 64), draw(PERSON, replace(TAKEN, glasses=kind), 64))
    assert different[24:46].sum() > 40
    assert not different[50:].any()


@pytest.mark.parametrize(("worn", "options"), [("hair_style", HAIR_STYLES), ("garment", GARMENTS)])
def test_everything_worn_looks_different_from_the_rest(worn: str, options: tuple[str, ...]) -> None:
    bare = replace(TAKEN, hair_style="buzz")
    choices: list[dict[str, Any]] = [{worn: option} for option in options]
    pictures = [draw(PERSON, replace(bare, **choice), 96) for choice in choices]
    for i, one in enumerate(pictures):
        assert all(changed(one, other).sum() > 40 for other in pictures[:i])


def test_turning_the_head_moves_the_eyes_with_it() -> None:
    def eyes(yaw: float) -> float:
        """Mean column of what is darker than skin, in the band of the eyes."""
        brightness = draw(PERSON, replace(TAKEN, yaw=yaw), 64).astype(float).mean(2)[28:36, 12:52]
        dark = np.clip(90 - brightness, 0, None).sum(0)
        return float((dark * np.arange(len(dark))).sum() / dark.sum())

    assert eyes(-0.3) + 3 < eyes(0.0) < eyes(0.3) - 3
