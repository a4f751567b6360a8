"""The forms in which pictures are read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from anamorph.auditing.views import CLEAN, PROTECTED, Pair, View, rgb8, shown, views

MakePair = Callable[..., Pair]


def test_each_form_is_listed_once_and_the_clean_one_first() -> None:
    listed = views(["jpeg75", "blur"], controls=True)
    assert listed[:2] == (CLEAN, PROTECTED)
    assert len(set(listed)) == len(listed) == 2 + 2 * 2 + 2
    assert View("clean", "blur") in listed
    assert views([], controls=False) == (CLEAN, PROTECTED)


def test_a_form_holds_the_pixels_of_the_files(levels_pair: MakePair) -> None:
    batch = [levels_pair(3, 10, 200), levels_pair(5, 20, 100)]
    clean, protected = shown(batch, {}, [CLEAN, PROTECTED], 0, print)
    assert clean.indices == (3, 5)
    assert clean.images.shape == (2, 3, 4, 6)
    assert torch.equal(clean.images[1], torch.full((3, 4, 6), 20 / 255))
    assert torch.equal(protected.images[0], torch.full((3, 4, 6), 200 / 255))


def test_an_attack_is_done_to_the_original_too(levels_pair: MakePair) -> None:
    listed = views(["invert"], controls=False)[2:]
    forms = list(shown([levels_pair(0, 10, 200)], {"invert": lambda p: 255 - p}, listed, 0, print))
    assert {f.view.of: round(f.images.mean().item() * 255) for f in forms} == {
        "clean": 245,
        "protected": 55,
    }


def test_a_picture_that_an_attack_cannot_take_is_left_out_and_told(levels_pair: MakePair) -> None:
    def picky(pixels: Any) -> Any:
        if pixels[0, 0, 0] == 200:
            raise ValueError("too bright")
        return pixels

    told: list[str] = []
    batch = [levels_pair(0, 10, 200), levels_pair(1, 20, 100)]
    (form,) = shown(batch, {"picky": picky}, [View("protected", "picky")], 0, told.append)
    assert form.indices == (1,)
    assert told == ["picky: ValueError: too bright"]


def test_grey_and_16_bit_pictures_become_what_programs_would_show() -> None:
    grey = np.array([[[0], [32896], [65535]]], np.uint16)
    assert rgb8(grey).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]
    color = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert rgb8(color) is color


def test_untouched_16_bit_pictures_are_read_at_their_full_depth() -> None:
    deep = np.full((2, 2, 1), 257 * 10 + 100, np.uint16)
    one = Pair(index=0, clean=deep, protected=deep, digest="x")
    (form,) = shown([one], {}, [CLEAN], 0, print)
    assert torch.allclose(form.images, torch.full((1, 3, 2, 2), (257 * 10 + 100) / 65535))
