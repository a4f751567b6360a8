"""What is learned from is never what is tested on."""

import pytest

from anamorph.adversaries.held_out import split

DIGESTS = [f"{number:04x}" for number in range(400)]


@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_every_picture_falls_on_one_side(count: int) -> None:
    learned, tested = split(DIGESTS[:count], seed=1)
    assert sorted(learned + tested) == list(range(count))


def test_all_copies_of_a_picture_fall_on_one_side() -> None:
    learned, tested = split([*DIGESTS, *DIGESTS], seed=2)
    count = len(DIGESTS)
    assert learned
    assert tested
    assert not {i % count for i in learned} & {i % count for i in tested}


def test_a_side_does_not_depend_on_the_other_pictures() -> None:
    _, all_tested = split(DIGESTS, 3)
    _, few_tested = split(DIGESTS[:50], 3)
    assert few_tested == tuple(i for i in all_tested if i < 50)


def test_fewer_pictures_to_learn_from_are_the_first_of_more() -> None:
    learned, _ = split(DIGESTS, 0)
    fewer, _ = split(DIGESTS[:200], 0)
    assert fewer == tuple(i for i in learned if i < 200)


def test_another_seed_parts_them_otherwise() -> None:
    assert split(DIGESTS, 0) != split(DIGESTS, 1)


def test_the_share_held_out_is_about_what_is_asked_for() -> None:
    _, tested = split(DIGESTS, 0, held_out=0.25)
    assert 70 <= len(tested) <= 130
