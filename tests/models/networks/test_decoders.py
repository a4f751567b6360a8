"""Decoders: of every kind, drawn from chance alone, dumped, and loaded from hostile bytes."""

import numpy as np
import pytest
import torch
from safetensors.torch import load as parse
from safetensors.torch import save
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.errors import UsageError, WeightsError
from anamorph.models.networks.decoder_bodies import EMBEDDING_KINDS, MAP_KINDS, Design
from anamorph.models.networks.decoders import (
    Decoder,
    dump,
    folded,
    fresh,
    load,
    moments,
    with_own_statistics,
)


def feature(design: Design, n: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, *design.feature, generator=generator)


def made(kind: str, seed: int = 1, picture: tuple[int, int] = (24, 20)) -> Decoder:
    shape = (5, 6, 5) if kind in MAP_KINDS else (7,)
    design = Design(kind=kind, feature=shape, picture=picture, width=4)
    return fresh(design, moments(feature(design, 8)), np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [*MAP_KINDS, *EMBEDDING_KINDS])
@pytest.mark.parametrize("picture", [(24, 20), (25, 19), (6, 5)])
def test_every_kind_makes_pictures_of_the_size_that_was_asked_for(
    kind: str, picture: tuple[int, int]
) -> None:
    decoder = made(kind, picture=picture)
    assert decoder(feature(decoder.design)).shape == (3, 3, *picture)


@pytest.mark.parametrize("kind", [*MAP_KINDS, *EMBEDDING_KINDS])
def test_what_was_dumped_is_loaded_frozen_and_decodes_alike(kind: str) -> None:
    decoder = made(kind).eval()
    again = load(dump(decoder), "a")
    assert not again.training
    assert not any(p.requires_grad for p in again.parameters())
    z = feature(decoder.design)
    assert_close(again(z), decoder(z))
    assert again.design == decoder.design


def test_half_precision_is_widened() -> None:
    decoder = made("linear").eval()
    halves = {
        key: t.half() if t.is_floating_point() else t for key, t in parse(dump(decoder)).items()
    }
    z = feature(decoder.design)
    assert_close(load(save(halves), "a")(z), decoder(z), atol=1e-2, rtol=0)


@pytest.mark.parametrize("kind", [*MAP_KINDS, *EMBEDDING_KINDS])
def test_the_weights_follow_from_chance_alone(kind: str) -> None:
    assert dump(made(kind)) == dump(made(kind))
    assert dump(made(kind)) != dump(made(kind, seed=2))


def test_a_dead_channel_is_not_looked_at() -> None:
    decoder = made("linear")
    z = feature(decoder.design, 8)
    z[:, 2] = 0.25
    about = moments(z)
    decoder = fresh(decoder.design, about, np.random.default_rng(0)).eval()
    assert decoder.scale[2].item() == 0
    moved = z.clone()
    moved[:, 2] += 1000
    assert torch.equal(decoder(moved), decoder(z))
    moved[:, 1] += 1
    assert not torch.equal(decoder(moved), decoder(z))


def test_the_range_of_clean_features_is_remembered() -> None:
    decoder = made("linear")
    z = feature(decoder.design, 8)
    assert_close(decoder.low.flatten(), z.transpose(0, 1).flatten(1).amin(1))
    assert_close(decoder.high.flatten(), z.transpose(0, 1).flatten(1).amax(1))


@pytest.mark.parametrize("kind", ["deconvolution", "residual", "unet", "convolutional"])
def test_own_statistics_are_those_of_a_batch_of_one(kind: str) -> None:
    decoder = made(kind, picture=(24, 20))
    z = feature(decoder.design)
    own = with_own_statistics(decoder)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in own.modules())
    decoder.train()
    one_by_one = torch.cat([decoder(row[None]) for row in z])
    assert_close(own(z), one_by_one.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [*MAP_KINDS, *EMBEDDING_KINDS])
def test_without_its_norms_it_decodes_alike(kind: str) -> None:
    decoder = made(kind)
    z = feature(decoder.design)
    decoder(2 * feature(decoder.design, 8) + 1)  # norms take up statistics
    less = folded(decoder)
    assert decoder.training
    assert_close(less(z), decoder.eval()(z))
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in less.modules())
    assert norms == (kind == "convolutional")  # the one that follows a linear layer


def test_a_piece_of_a_map_gives_the_piece_of_the_picture() -> None:
    decoder = made("linear", picture=(24, 20)).eval()
    z = feature(decoder.design)
    whole, piece = decoder(z), decoder(z[:, :, 1:5, 1:5])
    assert piece.shape[2:] == (16, 16)
    assert_close(piece[:, :, 4:12, 4:12], whole[:, :, 8:16, 8:16])


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("unet", (7,)), ("mlp", (5, 6, 5)), ("linear", (5, 6)), ("linear", (0, 2, 2))],
)
def test_a_design_that_makes_no_sense_is_refused(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        Design(kind=kind, feature=shape, picture=(8, 8))


def changed(**tensors: Tensor) -> bytes:
    return save({**parse(dump(made("linear"))), **tensors})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no weights, or damaged ones"),
        (save({"a": torch.zeros(3)}), "holds no decoder"),
        (changed(about=torch.tensor([1, 2], dtype=torch.uint8)), "holds no decoder"),
        (changed(low=torch.zeros(3)), "holds no decoder"),
        (changed(low=torch.zeros((5, 1, 1), dtype=torch.int64)), "holds no decoder"),
        (changed(low=torch.full((5, 1, 1), torch.nan)), "weights that are no numbers"),
    ],
)
def test_other_bytes_are_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(WeightsError, match=f"^a file: .*{said}") as caught:
        load(data, "a file")
    assert "\n" not in str(caught.value)
