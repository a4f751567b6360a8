"""Attackers that learn: what they learn, what they leave alone, and how they stop."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.adversaries.adaptive import Epoch, Training, distill, fine_tune, varied
from anamorph.errors import ModelError, ParameterError, UsageError

Make = Callable[..., nn.Module]

QUICK = Training(epochs=12, learning_rate=1e-2, batch=8, shift=0, mirror=False)


def striped(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with stripes whose direction is the label: nothing an untrained network knows."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=chance)
    views = 0.3 * torch.randn(n, 3, 16, 16, generator=chance)
    stripes = torch.ones(16, 16)
    stripes[::2] = -1
    views += torch.where(labels[:, None, None, None] == 1, stripes, stripes.T)
    return views, labels


def accuracy(network: nn.Module, views: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        answers = network(views).argmax(1)
    return float((answers == labels).double().mean())


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_an_attacker_learns_what_carries_over_to_unseen_pictures(network: Make) -> None:
    views, labels = striped(32, seed=0)
    unseen = striped(64, seed=1)
    before = accuracy(network(2), *unseen)
    trained = fine_tune(network(2), views, labels, QUICK)
    assert trained.losses[-1] < 0.5 * trained.losses[0]
    assert accuracy(trained.network, *unseen) > max(0.9, before)


def test_the_given_network_stays_as_it_was(network: Make) -> None:
    given = network(2).train()
    before = weights(given)
    fine_tune(given, *striped(8, seed=0), QUICK)
    assert given.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in given.parameters())


def test_the_attacker_is_ready_to_read(network: Make) -> None:
    trained = fine_tune(network(2), *striped(8, seed=0), QUICK)
    assert trained.complete
    assert not trained.network.training
    assert not any(p.requires_grad for p in trained.network.parameters())


def test_only_the_last_layers_learn_where_that_is_asked(network: Make) -> None:
    given = network(2)
    training = Training(epochs=1, last_layers=1)
    trained = fine_tune(given, *striped(8, seed=0), training)
    after, before = trained.network.state_dict(), given.state_dict()
    assert torch.equal(after["early.weight"], before["early.weight"])
    assert not torch.equal(after["head.weight"], before["head.weight"])


def test_the_same_seed_gives_the_same_attacker_and_another_another(network: Make) -> None:
    lesson = striped(16, seed=0)
    heads = [
        fine_tune(network(2), *lesson, Training(epochs=2, seed=seed)).network.state_dict()
        for seed in (0, 0, 1)
    ]
    assert torch.equal(heads[0]["head.weight"], heads[1]["head.weight"])
    assert not torch.equal(heads[0]["head.weight"], heads[2]["head.weight"])


def test_dropout_draws_no_random_numbers() -> None:
    drowsy = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 16 * 16, 2))
    before = torch.random.get_rng_state()
    fine_tune(drowsy, *striped(8, seed=0), QUICK)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_batch_norms_keep_their_statistics() -> None:
    normed = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    views, labels = striped(16, seed=0)
    trained = fine_tune(normed, views + 2, labels, Training(epochs=3, shift=0))
    assert_close(trained.network.get_submodule("0").get_buffer("running_mean"), torch.zeros(3))


def test_every_epoch_of_both_rates_is_told(network: Make) -> None:
    told: list[Epoch] = []
    trained = fine_tune(network(2), *striped(8, seed=0), Training(epochs=3), watch=told.append)
    assert [(e.number, e.of) for e in told] == [(number, 6) for number in range(1, 7)]
    losses = tuple(e.loss for e in told)
    assert trained.losses in (losses[:3], losses[3:], ())
    assert 0 < told[0].seconds < told[-1].seconds <= trained.seconds


def test_who_would_end_worse_stays_as_they_are(network: Make) -> None:
    views, labels = striped(20, seed=0)
    hard = Training(epochs=40, learning_rate=1e-2, shift=0, mirror=False)
    able = fine_tune(network(2), views, labels, hard).network
    order = torch.from_numpy(np.random.default_rng(0).permutation(20))
    lies = labels.clone()
    lies[order[4:]] = 1 - labels[order[4:]]  # what it learns from; what it is judged by is right
    trained = fine_tune(able, views, lies, hard)
    assert trained.losses == ()
    assert_close(trained.network(views), able(views))


def test_raising_from_watch_stops(network: Make) -> None:
    class Stop(Exception):
        pass

    def watch(epoch: Epoch) -> None:
        raise Stop

    with pytest.raises(Stop):
        fine_tune(network(2), *striped(8, seed=0), QUICK, watch=watch)


def test_out_of_time_is_said(network: Make) -> None:
    training = Training(epochs=100_000, seconds=0.05)
    trained = fine_tune(network(2), *striped(8, seed=0), training)
    assert not trained.complete
    assert len(trained.losses) < 100_000


def test_half_precision_pictures_will_do(network: Make) -> None:
    views, labels = striped(8, seed=0)
    trained = fine_tune(network(2), views.half(), labels, Training(epochs=1))
    assert all(p.dtype == torch.float32 for p in trained.network.parameters())


def test_a_student_learns_a_teachers_answers(network: Make) -> None:
    views, _ = striped(48, seed=0)
    teacher, student = network(3, seed=5), network(3, seed=6)
    with torch.no_grad():
        wanted = teacher(views)
    trained = distill(student, views, wanted, QUICK)
    agreement = accuracy(trained.network, views, wanted.argmax(1))
    assert agreement > max(0.8, accuracy(student, views, wanted.argmax(1)))


def test_outputs_can_be_had_in_another_way(network: Make) -> None:
    class Boxed(nn.Module):
        def __init__(self, inside: nn.Module) -> None:
            super().__init__()
            self.inside = inside

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"logits": self.inside(x)}

    def read(boxed: nn.Module, views: Tensor) -> Tensor:
        logits: Tensor = boxed(views)["logits"]
        return logits

    lesson = striped(8, seed=0)
    plain = fine_tune(network(2), *lesson, Training(epochs=1))
    boxed = fine_tune(Boxed(network(2)), *lesson, Training(epochs=1), read=read)
    assert boxed.losses == plain.losses


def test_views_move_whole_and_mirrored() -> None:
    view = torch.arange(25.0).view(1, 1, 5, 5).expand(64, 1, 5, 5)
    seen = varied(view, Training(shift=1), np.random.default_rng(0))
    assert seen.shape == view.shape
    centers = set(seen[:, 0, 2, 2].tolist())
    assert centers == {6.0, 7.0, 8.0, 11.0, 12.0, 13.0, 16.0, 17.0, 18.0}
    rises = seen[:, 0, 2, 3] - seen[:, 0, 2, 2]
    assert set(rises.tolist()) == {1.0, -1.0}


def test_views_can_be_left_as_they_are() -> None:
    view = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(varied(view, QUICK, np.random.default_rng(0)), view)


@pytest.mark.parametrize(("pictures", "labels"), [(1, 1), (4, 3)])
def test_lessons_that_make_no_sense_are_refused(network: Make, pictures: int, labels: int) -> None:
    views, truth = striped(4, seed=0)
    with pytest.raises(UsageError, match=f"{pictures} pictures and {labels} targets"):
        fine_tune(network(2), views[:pictures], truth[:labels], QUICK)


def test_a_network_without_weights_cannot_learn() -> None:
    with pytest.raises(ModelError, match="no weights that can learn"):
        fine_tune(nn.Flatten(), *striped(4, seed=0), QUICK)


def test_a_training_that_diverges_says_what_to_do(network: Make) -> None:
    views, labels = striped(8, seed=0)
    with pytest.raises(UsageError, match="lower learning rate"):
        fine_tune(network(2), views * torch.inf, labels, QUICK)


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match="epochs is 0"):
        Training(epochs=0)
