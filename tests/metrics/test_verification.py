"""Search in a gallery where who is found is counted by hand."""

import pytest
import torch

from anamorph.errors import UsageError
from anamorph.metrics.verification import search

WHO = torch.tensor([4, 5, 6])


def test_everybody_is_found_in_a_gallery_of_their_own_embeddings() -> None:
    found = search(torch.eye(3), WHO, 2 * torch.eye(3), WHO)
    assert found.rank_one == 1
    assert found.tar == {"0.01": 1.0, "0.001": 1.0}
    assert (found.genuine, found.impostor) == (3, 6)


def test_who_enrolled_as_somebody_else_is_not_found() -> None:
    found = search(torch.eye(3), WHO, torch.eye(3), WHO.roll(1), fars=[0.5])
    assert found.rank_one == 0
    assert found.tar == {"0.5": 0.0}


def test_a_probe_without_an_entry_counts_as_not_found() -> None:
    found = search(torch.eye(3), WHO, torch.eye(3)[:2], WHO[:2])
    assert found.rank_one == pytest.approx(2 / 3)
    assert (found.genuine, found.impostor) == (2, 4)


def test_several_entries_of_one_person_are_as_many_pairs() -> None:
    gallery = torch.cat([torch.eye(3), torch.eye(3) + 0.1])
    found = search(torch.eye(3), WHO, gallery, WHO.repeat(2))
    assert (found.rank_one, found.genuine, found.impostor) == (1, 6, 12)


def test_strangers_alone_have_no_rate() -> None:
    with pytest.raises(UsageError, match="0 pairs of one person"):
        search(torch.eye(3), WHO, torch.eye(3), WHO + 10)
