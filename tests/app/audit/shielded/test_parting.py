"""Nobody is attacked and learned from, and nobody is known who is in the store."""

import pytest
import torch

from anamorph.app.audit.shielded.extracting import Faces
from anamorph.app.audit.shielded.parting import parted, without
from anamorph.errors import UsageError

PEOPLE = [0, 0, 0, 1, 2, 2, 3, 4]


def test_everybody_is_attacked_once_before_anybody_is_twice() -> None:
    part = parted(PEOPLE, 0, 5, rest=False)
    assert sorted(PEOPLE[i] for i in part.attacked.tolist()) == [0, 1, 2, 3, 4]
    assert len(part.rest) == 0
    assert len(parted(PEOPLE, 0, 100, rest=False).attacked) == len(PEOPLE)


def test_half_of_the_people_are_learned_from_where_that_is_asked() -> None:
    part = parted(PEOPLE, 1, 100, rest=True)
    attacked = {PEOPLE[i] for i in part.attacked.tolist()}
    rest = {PEOPLE[i] for i in part.rest.tolist()}
    assert len(attacked) == 2
    assert attacked | rest == set(range(5))
    assert not attacked & rest


def test_too_few_people_are_refused() -> None:
    with pytest.raises(UsageError, match="records of 1 people; attackers need 2 to tell apart"):
        parted([7, 7], 0, 10, rest=False)
    with pytest.raises(UsageError, match="and 2 others to learn from"):
        parted([1, 2, 3], 0, 10, rest=True)


def test_pictures_of_the_store_are_not_learned_from() -> None:
    pictures = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 3, 2, 2).contiguous()
    known = Faces(pictures, torch.arange(4.0)[:, None], [0, 1, 2, 3], ())
    enrolled = Faces(pictures[2:3], torch.zeros(1, 1), [0], ())
    assert without(known, enrolled).features.flatten().tolist() == [0.0, 1.0, 3.0]
    other = Faces(pictures[:1] + 9, torch.zeros(1, 1), [0], ())
    assert without(known, other) is known
    with pytest.raises(UsageError, match="0 known pictures that are not in the store"):
        without(known, known)
