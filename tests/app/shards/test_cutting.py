"""Where runs are cut: by the pictures' names alone, so that little moves when little changes."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.app.shards.cutting import Shard, cut, shard_of
from anamorph.files.remote import Entry

Found = list[tuple[int, Entry]]


def picture(name: str, *, number: int = 0, size: int = 3, stamp: str = "a") -> tuple[int, Entry]:
    url = f"s3://bucket/source-{number}/{name}"
    return number, Entry(url=url, relative=name, size=size, stamp=stamp)


def folder(count: int) -> Found:
    return [picture(f"{i:05d}.png") for i in range(count)]


NAMES = st.text("abcXYZé/._ 0", min_size=1, max_size=8).map(lambda text: f"x{text}x")
LISTINGS = st.lists(
    st.builds(picture, st.tuples(NAMES, st.sampled_from([".png", ".JPG"])).map("".join)),
    unique_by=lambda one: one[1].url,
    max_size=60,
)


@given(LISTINGS, st.integers(1, 12))
def test_every_picture_is_in_one_shard(listed: Found, pictures: int) -> None:
    shards = cut(listed, pictures)
    inside = [one for shard in shards for one in shard.entries]
    assert sorted(inside, key=repr) == sorted(listed, key=repr)
    assert len({shard.name for shard in shards}) == len(shards)


@given(LISTINGS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_the_listing_does_not_matter(
    listed: Found, pictures: int, dice: Random
) -> None:
    mixed = list(listed)
    dice.shuffle(mixed)
    assert cut(mixed, pictures) == cut(listed, pictures)


@pytest.mark.parametrize("pictures", [1, 2, 3, 5, 16, 64])
def test_shards_have_half_to_twice_as_many_pictures_as_asked_for(pictures: int) -> None:
    shards = cut(folder(3000), pictures)
    sizes = [len(shard.entries) for shard in shards]
    assert all(pictures / 2 <= size <= 2 * pictures for size in sizes[:-1])
    assert 1 <= sizes[-1] <= 2 * pictures
    assert pictures / 2 <= 3000 / len(sizes) <= pictures * 1.25


@pytest.mark.parametrize("change", ["removed", "added"])
def test_a_picture_more_or_less_moves_its_own_shard_and_seldom_another(change: str) -> None:
    whole = folder(300)
    before = {shard.name for shard in cut(whole, 16)}
    moved = []
    for place in range(0, 300, 11):
        if change == "removed":
            listed = whole[:place] + whole[place + 1 :]
        else:
            listed = [*whole, picture(f"{place:05d}-new.png")]
        after = {shard.name for shard in cut(listed, 16)}
        moved.append(len(before - after))
    assert sum(moved) / len(moved) <= 2
    assert max(moved) <= 8
    assert sum(count <= 2 for count in moved) >= 0.8 * len(moved)


def test_a_picture_that_changed_moves_no_other_but_renames_its_shard() -> None:
    whole = folder(200)
    before = cut(whole, 16)
    number, entry = whole[77]
    for change in (replace(entry, stamp="b"), replace(entry, size=4)):
        after = cut([*whole[:77], (number, change), *whole[78:]], 16)
        assert [len(s.entries) for s in after] == [len(s.entries) for s in before]
        assert len({s.name for s in before} - {s.name for s in after}) == 1


@pytest.mark.parametrize("pictures", [1, 4])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("more/cat.jpg", "more/cat.png"),
        ("more/cat.png", "more/Cat.PNG"),
        ("more/Zo\u00eb.png", "more/Zoe\u0308.jpg"),
    ],
)
def test_pictures_whose_results_would_have_one_name_stay_together(
    one: str, other: str, pictures: int
) -> None:
    rivals = [picture(one), picture(other), picture(one, number=1)]
    between = [picture("more/Zoe.png"), picture("more/Zoz.png"), picture("zebra.png")]
    shards = cut([*folder(50), *rivals, *between], pictures)
    (home,) = [s for s in shards if set(s.entries) & set(rivals)]
    assert set(rivals) <= set(home.entries)


def test_pictures_that_share_only_a_part_of_their_names_can_be_parted() -> None:
    apart = [picture("a/cat.png"), picture("b/cat.png"), picture("a/cat.old.png")]
    assert [len(shard.entries) for shard in cut(apart, 1)] == [1, 1, 1]


def test_nothing_makes_no_shards() -> None:
    assert cut([], 4) == ()


def test_parts_are_single_pictures() -> None:
    shard = shard_of(folder(3))
    parts = list(shard.parts())
    assert [part.entries for part in parts] == [(one,) for one in shard.entries]
    assert len({part.name for part in parts}) == 3


def test_names_that_are_no_text_are_cut_like_others() -> None:
    odd = b"caf\xe9.png".decode(errors="surrogateescape")
    (shard,) = cut([picture(odd)], 1)
    assert shard == Shard(name=shard.name, entries=(picture(odd),))
