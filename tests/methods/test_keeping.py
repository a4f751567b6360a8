"""What is kept, and when it counts as kept."""

import pytest
import torch

from anamorph.methods.keeping import KeepAnswer

CLEAN = torch.tensor([[2.0, 0.0, -1.0]])


def test_the_whole_answer_is_the_target() -> None:
    assert torch.equal(KeepAnswer().target(CLEAN), CLEAN)


def test_only_the_same_distribution_loses_nothing() -> None:
    keeping = KeepAnswer()
    assert keeping.loss(CLEAN + 5, CLEAN).item() == pytest.approx(0, abs=1e-6)
    assert keeping.loss(CLEAN * 2, CLEAN).item() > 0.01


def test_slack_is_the_lead_of_the_clean_answers_class() -> None:
    after = torch.tensor([[1.0, 0.5, 3.0]])
    assert KeepAnswer().slack(after, CLEAN).item() == -2
    assert KeepAnswer().slack(CLEAN, CLEAN).item() == 2
