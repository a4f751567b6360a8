"""Offline mode: the tail learns to read protected features, and nothing else changes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.app.train.tail_training import TailTraining, fine_tuned
from anamorph.errors import UsageError
from anamorph.losses import cosine
from anamorph.models import Model
from anamorph.models.split import Split, split

P = TailTraining(updates=80, batch=8, rate=0.02)


@pytest.fixture
def cut(embedder: Model) -> Split:
    return split(embedder)


@pytest.fixture
def clean(cut: Split) -> Tensor:
    pictures = torch.rand(24, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return cut.head(pictures)


def protected(clean: Tensor) -> Tensor:
    """What a tail can learn to see through: two channels are exchanged."""
    return clean[:, [1, 0, *range(2, clean.shape[1])]]


def test_the_tail_learns_to_read_protected_features(cut: Split, clean: Tensor) -> None:
    e, records = cut.tail(clean), protected(clean)
    losses = list[float]()
    taught = fine_tuned(cut, clean, records, P, losses.append)
    before, after = cosine(cut.tail(records), e).mean(), cosine(taught.tail(records), e).mean()
    assert len(losses) == P.updates
    assert 1 - after < 0.6 * (1 - before)


def test_the_head_and_the_recognizer_given_stay_as_they_were(cut: Split, clean: Tensor) -> None:
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    before = {k: v.clone() for k, v in cut.model.network.state_dict().items()}
    taught = fine_tuned(cut, clean, protected(clean), P)
    assert all(torch.equal(v, before[k]) for k, v in cut.model.network.state_dict().items())
    assert torch.equal(taught.head(pictures), cut.head(pictures))
    assert not torch.equal(taught.tail(clean), cut.tail(clean))
    assert not any(p.requires_grad for p in taught.model.network.parameters())


def test_it_is_repeatable(cut: Split, clean: Tensor) -> None:
    one, other = (fine_tuned(cut, clean, protected(clean), P) for _ in range(2))
    assert_close(one.tail(clean), other.tail(clean), rtol=0, atol=0)


def test_features_that_are_no_pairs_are_refused(
    cut: Split, clean: Tensor, toy_of: Callable[..., Model]
) -> None:
    with pytest.raises(UsageError, match="are no pairs to learn from"):
        fine_tuned(cut, clean, clean[1:])
    with pytest.raises(UsageError, match="are no pairs to learn from"):
        fine_tuned(cut, clean[:0], clean[:0])
