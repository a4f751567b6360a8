"""Verification and identification where the answer is counted by hand."""

import pytest
import torch

from anamorph.errors import UsageError
from anamorph.metrics.identity import rank_one, similarities, tar_at_far


def test_similarity_is_the_cosine_whatever_the_length() -> None:
    a = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    b = torch.tensor([[10.0, 0.0], [0.0, 0.1], [-2.0, 0.0]])
    expected = torch.tensor([[1.0, 0.0, -1.0], [0.5**0.5, 0.5**0.5, -(0.5**0.5)]])
    torch.testing.assert_close(similarities(a, b), expected)


@pytest.mark.parametrize(("far", "threshold"), [(0.01, 0.98), (0.1, 0.89), (0.29, 0.7), (0, 0.99)])
def test_no_more_impostors_than_allowed_lie_above_the_threshold(
    far: float, threshold: float
) -> None:
    impostors = torch.arange(100) / 100
    tar, found = tar_at_far(torch.tensor([0.5, 0.985]), impostors, far)
    assert found == pytest.approx(threshold)
    assert (impostors > found).sum() <= far * 100 + 1e-9
    assert tar == (0 if far == 0 else 0.5)


def test_ties_with_the_threshold_are_not_accepted() -> None:
    tar, threshold = tar_at_far(torch.tensor([0.5, 0.6]), torch.full((10,), 0.5), far=0.1)
    assert (tar, threshold) == (0.5, 0.5)


def test_unrelated_scores_are_accepted_at_the_false_accept_rate() -> None:
    scores = torch.rand(2, 20_000, generator=torch.Generator().manual_seed(0))
    assert tar_at_far(scores[0], scores[1], far=0.01)[0] == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize(("genuine", "impostor", "far"), [(0, 3, 0.1), (3, 0, 0.1), (3, 3, 1.0)])
def test_what_has_no_answer_is_refused(genuine: int, impostor: int, far: float) -> None:
    with pytest.raises(UsageError):
        tar_at_far(torch.zeros(genuine), torch.zeros(impostor), far)


def test_rank_one_is_the_person_of_the_nearest_entry() -> None:
    gallery, enrolled = torch.eye(3), torch.tensor([7, 8, 9])
    probes = torch.tensor([[0.9, 0.1, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 5.0], [1.0, 0.0, 0.0]])
    right = rank_one(probes, torch.tensor([7, 7, 9, 4]), gallery, enrolled)
    assert right.tolist() == [True, False, True, False]


def test_an_empty_gallery_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        rank_one(torch.zeros(1, 2), torch.zeros(1).long(), torch.zeros(0, 2), torch.zeros(0).long())
