"""Every model reads every picture in every form, once."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from anamorph.auditing.protocol import Readings, read_all
from anamorph.auditing.views import CLEAN, PROTECTED, Pair, View, views
from anamorph.errors import Cancelled
from anamorph.types import Images

MakeParty = Callable[..., Any]
MakePair = Callable[..., Pair]
Read = Callable[..., list[str]]

PLAIN = (CLEAN, PROTECTED)


def test_answers_land_at_their_pictures_whatever_the_batches(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    pairs = [levels_pair(0, 30, 220), levels_pair(1, 220, 210), levels_pair(2, 128, 20)]
    for batches in ([pairs], [[pairs[2], pairs[0]], [pairs[1]]]):
        readings = Readings(party=toy_party(), wanted=np.array([0, 2, 0]))
        read([readings], batches, PLAIN)
        assert readings.answers[CLEAN].tolist() == [0, 2, 1]
        assert readings.answers[PROTECTED].tolist() == [2, 2, 0]
        assert readings.right(CLEAN).tolist() == [True, True, False]
        assert readings.same(PROTECTED).tolist() == [False, True, False]


def test_without_labels_the_clean_reading_is_right(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    readings = Readings(party=toy_party(), wanted=None)
    read([readings], [[levels_pair(0, 30, 220), levels_pair(1, 220, 210)]], PLAIN)
    assert readings.right(CLEAN).all()
    assert readings.right(PROTECTED).tolist() == [False, True]


def test_confidence_is_the_highest_softmax_value(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    def fixed(images: Images) -> Tensor:
        return torch.tensor([[0.0, np.log(3.0)]]).expand(len(images), 2)

    readings = Readings(party=toy_party(fixed), wanted=None)
    read([readings], [[levels_pair(0, 1, 2)]], PLAIN)
    assert readings.confidence[CLEAN][0] == pytest.approx(0.75)


def test_embeddings_are_kept_by_cosine(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    def angle(images: Images) -> Tensor:
        mean = images.mean((1, 2, 3))
        return torch.stack([mean.cos(), mean.sin()], 1)

    readings = Readings(party=toy_party(angle, task="embed"), wanted=None)
    read([readings], [[levels_pair(0, 0, 100), levels_pair(1, 0, 200)]], PLAIN)
    assert readings.confidence[PROTECTED].tolist() == pytest.approx(
        [np.cos(100 / 255), np.cos(200 / 255)]
    )
    assert readings.right(PROTECTED).tolist() == [True, False]


def test_each_reading_is_computed_once(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    seen = 0

    def count(images: Images) -> Tensor:
        nonlocal seen
        seen += len(images)
        return torch.zeros(len(images), 2)

    wanted = views(["same"], controls=True)
    pairs = [levels_pair(i, 10, 20) for i in range(3)]
    read([Readings(party=toy_party(count), wanted=None)], [pairs], wanted, {"same": lambda p: p})
    assert seen == 3 * len(wanted)


def test_a_model_that_crashes_is_asked_no_more_and_the_others_stand(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    calls = 0

    def crash(images: Images) -> Tensor:
        nonlocal calls
        calls += 1
        raise RuntimeError("out of order")

    broken, whole = (Readings(party=toy_party(f), wanted=None) for f in (crash, torch.ones_like))
    whole = Readings(party=toy_party(), wanted=None)
    read([broken, whole], [[levels_pair(0, 1, 2)], [levels_pair(1, 3, 4)]], PLAIN)
    assert broken.errors == ["RuntimeError: out of order"]
    assert calls == 1
    assert not whole.errors
    assert whole.read(PROTECTED).all()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (lambda images: torch.full((len(images), 2), torch.nan), "not finite"),
        (lambda _: torch.zeros(7, 2), r"a tensor \(7, 2\) for 1 pictures"),
        (lambda images: images, "expected one row for each"),
    ],
)
def test_an_impossible_output_is_an_error_of_the_model(
    output: Callable[[Images], Tensor],
    said: str,
    toy_party: MakeParty,
    levels_pair: MakePair,
    read: Read,
) -> None:
    readings = Readings(party=toy_party(output), wanted=None)
    read([readings], [[levels_pair(0, 1, 2)]], PLAIN)
    with pytest.raises(ValueError, match=said):
        raise ValueError(readings.errors[0])


def test_pictures_that_are_never_shown_stay_unread(
    toy_party: MakeParty, levels_pair: MakePair
) -> None:
    readings = Readings(party=toy_party(), wanted=np.array([0, 0]))
    read_all([readings], [[levels_pair(1, 10, 10)]], 2, PLAIN, {}, 0, print)
    assert readings.read(CLEAN).tolist() == [False, True]
    assert readings.right(CLEAN).tolist() == [False, True]


def test_no_more_than_a_batch_and_the_next_is_held(
    toy_party: MakeParty, levels_pair: MakePair
) -> None:
    made, done = 0, 0

    def batches() -> Iterator[list[Pair]]:
        nonlocal made
        for i in range(6):
            made += 1
            yield [levels_pair(i, 10, 20)]

    def watch(pictures: int) -> None:
        nonlocal done
        done += pictures
        assert made - done / len(PLAIN) <= 2

    readings = Readings(party=toy_party(), wanted=None)
    read_all([readings], batches(), 6, PLAIN, {}, 0, print, watch)
    assert done == 6 * len(PLAIN)


def test_the_caller_can_stop(toy_party: MakeParty, levels_pair: MakePair) -> None:
    def stop(_: int) -> None:
        raise Cancelled

    readings = Readings(party=toy_party(), wanted=None)
    with pytest.raises(Cancelled):
        read_all([readings], [[levels_pair(0, 1, 2)]], 1, PLAIN, {}, 0, print, stop)


def test_an_attack_may_change_the_size(
    toy_party: MakeParty, levels_pair: MakePair, read: Read
) -> None:
    readings = Readings(party=toy_party(), wanted=None)
    wanted = views(["half"], controls=False)
    read([readings], [[levels_pair(0, 30, 220)]], wanted, {"half": lambda p: p[::2, ::2]})
    assert readings.right(View("clean", "half")).all()
    assert not readings.right(View("protected", "half")).any()
