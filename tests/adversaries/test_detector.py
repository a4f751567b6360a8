"""Telling protected pictures from clean ones: found where there are traces, not where not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from anamorph.adversaries.detector import detect, judged, residual_statistics, trained
from anamorph.errors import UsageError

Pixels = NDArray[np.uint8]

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture(scope="module")
def photos(crop: Callable[..., Pixels]) -> list[Pixels]:
    """Forty-eight pieces of four photos, 24 x 24."""
    large = [crop(name, 72, 96) for name in NAMES]
    return [
        piece[top : top + 24, left : left + 24]
        for piece in large
        for top in range(0, 72, 24)
        for left in range(0, 96, 24)
    ]


@pytest.fixture(scope="module")
def digests(photos: list[Pixels]) -> list[str]:
    return [str(number) for number in range(len(photos))]


def changed(pixels: Pixels, levels: int, seed: int) -> Pixels:
    sign = 2 * np.random.default_rng(seed).integers(0, 2, pixels.shape) - 1
    return np.clip(pixels.astype(int) + levels * sign, 0, 255).astype(np.uint8)


def test_changes_of_eight_levels_are_found(photos: list[Pixels], digests: list[str]) -> None:
    protected = [changed(photo, 8, seed) for seed, photo in enumerate(photos)]
    found = detect(photos, protected, digests)
    assert found.auc > 0.95
    assert found.accuracy.low > 0.8
    assert found.accuracy.n + found.learned_from == 2 * len(photos)


def test_where_nothing_was_changed_there_is_nothing_to_find(
    photos: list[Pixels], digests: list[str]
) -> None:
    found = detect(photos, photos, digests)
    assert found.auc == 0.5
    assert found.accuracy.value == 0.5


def test_other_pictures_of_the_same_kind_are_not_told_apart(photos: list[Pixels]) -> None:
    half = len(photos) // 2
    order = np.random.default_rng(0).permutation(len(photos))
    one, other = ([photos[i] for i in part] for part in (order[:half], order[half:]))
    found = detect(one, other, [str(i) for i in range(half)])
    assert 0.2 < found.auc < 0.8


def test_the_seed_decides_what_is_learned_from(photos: list[Pixels], digests: list[str]) -> None:
    protected = [changed(photo, 2, seed) for seed, photo in enumerate(photos)]
    assert detect(photos, protected, digests, seed=1) == detect(photos, protected, digests, seed=1)
    assert detect(photos, protected, digests, seed=1) != detect(photos, protected, digests, seed=2)


def test_a_detector_scores_what_it_learned_on_the_right_sides(photos: list[Pixels]) -> None:
    protected = [changed(photo, 8, seed) for seed, photo in enumerate(photos)]
    detector = trained(photos, protected)
    assert max(map(detector, photos)) < 0 < min(map(detector, protected))


def test_statistics_of_pictures_that_are_gone_judge_as_well(
    photos: list[Pixels], digests: list[str]
) -> None:
    protected = [changed(photo, 8, seed) for seed, photo in enumerate(photos)]
    before, after = ([residual_statistics(one) for one in side] for side in (photos, protected))
    assert judged(before, after, digests) == detect(photos, protected, digests)


def test_statistics_are_frequencies_and_independent_of_size(photos: list[Pixels]) -> None:
    photo = photos[0]
    one = residual_statistics(photo)
    assert np.isclose(np.square(one).sum(), 10)  # five filters, quantized in two ways
    four_times = residual_statistics(np.tile(photo, (2, 2, 1)))
    assert np.abs(one - four_times).max() < 0.1


def test_too_few_pictures_are_refused(photos: list[Pixels]) -> None:
    with pytest.raises(UsageError, match="give more"):
        detect(photos[:1], photos[:1], ["a"])


def test_lists_that_do_not_match_are_refused(photos: list[Pixels]) -> None:
    with pytest.raises(UsageError, match="2 originals, 1 protected pictures and 2 digests"):
        detect(photos[:2], photos[:1], ["a", "b"])


def test_a_picture_without_detail_to_look_at_is_refused() -> None:
    with pytest.raises(UsageError, match="9 x 4 pixels"):
        residual_statistics(np.zeros((4, 9, 3), np.uint8))
