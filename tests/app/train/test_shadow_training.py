"""Training decoders: they learn, are repeatable, and can be gone on with."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.app.train.shadow_training import (
    Pairs,
    ShadowTraining,
    advance,
    begin,
    dump,
    load,
    reestimated,
)
from anamorph.errors import ParameterError, UsageError, WeightsError
from anamorph.models.networks import decoders

P = ShadowTraining(kind="deconvolution", width=4, updates=6, batch=4)


def quiet(loss: float) -> None:
    """Nobody looks."""


def shown(n: int = 12, side: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(n, 3, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(small, size=(side, side), mode="bilinear")
    return smooth.mul(255).to(torch.uint8)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Maps of half the pictures' size: their colors, averaged."""
    pictures = shown()
    return Pairs(torch.nn.functional.avg_pool2d(pictures.float() / 255, 2).half(), pictures)


@pytest.mark.parametrize("loss", ["l1", "l2", "ssim"])
@pytest.mark.parametrize("kind", ["linear", "unet"])
def test_it_learns_to_reconstruct(pairs: Pairs, kind: str, loss: str) -> None:
    losses: list[float] = []
    p = ShadowTraining(kind=kind, width=8, updates=60, batch=4, loss=loss)
    done = advance(begin(pairs, p), pairs, 60, p, losses.append)
    assert done.done == len(losses) == 60
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize("kind", ["mlp", "convolutional"])
def test_it_learns_to_reconstruct_from_embeddings(kind: str) -> None:
    pictures = shown()
    embeddings = torch.nn.functional.avg_pool2d(pictures.float() / 255, 6).flatten(1)
    p = ShadowTraining(kind=kind, width=8, updates=60, batch=4)
    losses: list[float] = []
    advance(
        begin(Pairs(embeddings, pictures), p), Pairs(embeddings, pictures), 60, p, losses.append
    )
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_ridge_regression_is_fitted_at_once() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(60, 5, generator=generator)
    hidden = torch.randn(5, 3 * 4 * 4, generator=generator)
    x = (0.5 + 0.04 * (z @ hidden)).clamp(0, 1).view(-1, 3, 4, 4)
    pairs = Pairs(z, x.mul(255).round().to(torch.uint8))
    p = ShadowTraining(kind="ridge", updates=9)
    trained = begin(pairs, p)
    assert trained.done == 9
    assert (trained.decoder(z) - x).abs().mean() < 0.02


def test_a_seed_gives_one_decoder_and_another_seed_another(pairs: Pairs) -> None:
    def weights(seed: int) -> bytes:
        p = ShadowTraining(kind="linear", updates=3, batch=4, seed=seed)
        return decoders.dump(advance(begin(pairs, p), pairs, 3, p, quiet).decoder)

    assert weights(0) == weights(0)
    assert weights(0) != weights(1)


def test_a_training_that_was_stopped_ends_in_the_same_decoder(pairs: Pairs) -> None:
    whole = advance(begin(pairs, P), pairs, 6, P, quiet)
    half = advance(begin(pairs, P), pairs, 3, P, quiet)
    again = load(dump(half), "a.training", pairs, P)
    assert again.done == 3
    done = advance(again, pairs, 6, P, quiet)
    assert decoders.dump(done.decoder) == decoders.dump(whole.decoder)


def test_a_decoder_can_learn_on_and_the_one_given_stays_as_it_was(pairs: Pairs) -> None:
    first = decoders.load(decoders.dump(advance(begin(pairs, P), pairs, 6, P, quiet).decoder), "a")
    before = decoders.dump(first)
    more = advance(begin(pairs, P, first), pairs, 2, P, quiet)
    assert decoders.dump(first) == before
    assert decoders.dump(more.decoder) != before


def test_other_pictures_or_parameters_are_not_gone_on_with(pairs: Pairs) -> None:
    data = dump(begin(pairs, P))
    longer = ShadowTraining(kind="deconvolution", width=4, updates=7, batch=4)
    for others, p in ((Pairs(pairs.features.flip(0), pairs.pictures), P), (pairs, longer)):
        with pytest.raises(UsageError, match="other pictures or parameters"):
            load(data, "a.training", others, p)


def test_a_decoder_or_damage_is_no_training(pairs: Pairs) -> None:
    with pytest.raises(UsageError, match=r"^a\.training: is no unfinished training"):
        load(decoders.dump(begin(pairs, P).decoder), "a.training", pairs, P)
    with pytest.raises(WeightsError, match="damaged"):
        load(b"damaged", "a.training", pairs, P)


def test_pieces_lie_where_the_pictures_are(pairs: Pairs) -> None:
    """A linear decoder finds the exact answer, which it could not if pieces were moved."""
    features = torch.nn.functional.pixel_unshuffle(pairs.pictures.float() / 255, 2)
    pieces = Pairs(
        features.repeat(1, 1, 2, 2), pairs.pictures.repeat(1, 1, 2, 2)
    )  # larger than a piece
    p = ShadowTraining(kind="linear", updates=300, batch=4, piece=16, rate=0.03)
    losses: list[float] = []
    advance(begin(pieces, p), pieces, 300, p, losses.append)
    assert np.mean(losses[-10:]) < 1e-3


def test_reestimated_statistics_are_those_of_the_features_given(pairs: Pairs) -> None:
    decoder = advance(begin(pairs, P), pairs, 6, P, quiet).decoder
    z = pairs.features.float() + 0.3
    again = reestimated(decoder, z, batch=len(z))
    first = again.get_submodule("body.0")
    seen = first((z - again.mean) * again.scale)
    norm = again.get_submodule("body.1")
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert_close(norm.running_mean, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    assert not again.training


def test_pairs_that_are_none_are_refused(pairs: Pairs) -> None:
    with pytest.raises(UsageError, match="12 features and 11 pictures are no pairs"):
        begin(Pairs(pairs.features, pairs.pictures[1:]), P)
    with pytest.raises(UsageError, match="cannot be 'mlp'"):
        begin(pairs, ShadowTraining(kind="mlp"))
    smaller = Pairs(pairs.features[..., :6, :6], pairs.pictures)
    with pytest.raises(UsageError, match="begin anew"):
        begin(smaller, P, begin(pairs, P).decoder)


def test_a_parameter_outside_its_range_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="loss"):
        ShadowTraining(loss="l3")
