"""Training a key network: it learns, it is repeatable, and it can be gone on with."""

import pytest
import torch
from safetensors.torch import save

from anamorph.app.train.key_training import KeyTraining, Photos, advance, begin, dump, load
from anamorph.errors import ParameterError, UsageError, WeightsError
from anamorph.models.networks import generator

P = KeyTraining(updates=6, batch=2, side=16)
SEED = bytes(range(32))


@pytest.fixture(scope="module")
def photos() -> Photos:
    chance = torch.Generator().manual_seed(0)
    small = torch.rand(4, 3, 5, 5, generator=chance)
    smooth = torch.nn.functional.interpolate(small, size=(20, 24), mode="bilinear")
    return smooth.mul(255).to(torch.uint8)


def weights(photos: Photos, seed: bytes = SEED) -> bytes:
    return generator.dump(advance(begin(seed, P), photos, 6, P, lambda loss: None).network)


def test_it_learns_to_give_photos_back(photos: Photos) -> None:
    losses: list[float] = []
    p = KeyTraining(updates=40, batch=2, side=16)
    done = advance(begin(SEED, p), photos, 40, p, losses.append)
    assert done.done == len(losses) == 40
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_a_seed_gives_one_network_and_another_seed_another(photos: Photos) -> None:
    assert weights(photos) == weights(photos)
    assert weights(photos) != weights(photos, bytes(32))


def test_a_training_that_was_stopped_ends_in_the_same_network(photos: Photos) -> None:
    half = advance(begin(SEED, P), photos, 3, P, lambda loss: None)
    again = load(dump(half, photos, P), "a.training", photos, P)
    assert again.done == 3
    done = advance(again, photos, 6, P, lambda loss: None)
    assert generator.dump(done.network) == weights(photos)


def test_other_pictures_or_parameters_are_not_gone_on_with(photos: Photos) -> None:
    data = dump(begin(SEED, P), photos, P)
    longer = KeyTraining(updates=7, batch=2, side=16)
    for others, p in ((photos.flip(0), P), (photos, longer)):
        with pytest.raises(UsageError, match="other pictures or steps"):
            load(data, "a.training", others, p)


def test_a_finished_key_or_damage_is_no_training(photos: Photos) -> None:
    with pytest.raises(UsageError, match=r"^a\.training: is no unfinished training"):
        load(weights(photos), "a.training", photos, P)
    with pytest.raises(WeightsError, match="damaged"):
        load(b"damaged", "a.training", photos, P)
    state = generator.tensors(dump(begin(SEED, P), photos, P), "a")
    del state["network.read.inward.bias"]
    with pytest.raises(UsageError, match="is no unfinished training"):
        load(save(state), "a.training", photos, P)


def test_an_unfinished_training_is_not_taken_for_a_network(photos: Photos) -> None:
    with pytest.raises(WeightsError, match="another network"):
        generator.load(dump(begin(SEED, P), photos, P), "a")


def test_photos_smaller_than_a_piece_are_taken_whole(photos: Photos) -> None:
    p = KeyTraining(updates=1, batch=3, side=64)
    losses: list[float] = []
    advance(begin(SEED, p), photos, 1, p, losses.append)
    assert len(losses) == 1


def test_a_parameter_outside_its_range_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="updates"):
        KeyTraining(updates=0)
