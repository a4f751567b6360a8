"""Key networks: drawn from chance alone, dumped, and loaded from hostile bytes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import save
from torch.testing import assert_close

from anamorph.errors import WeightsError
from anamorph.losses import mse
from anamorph.models.networks import stranger
from anamorph.models.networks.generator import LARGEST_FILE, dump, fresh, load

WEIGHTS = dump(fresh(np.random.default_rng(1)))


def test_what_was_dumped_is_loaded_in_half_precision_and_frozen() -> None:
    network = fresh(np.random.default_rng(1))
    again = load(dump(network), "a")
    for name, tensor in again.state_dict().items():
        assert tensor.dtype == torch.float32
        assert_close(tensor, network.state_dict()[name], rtol=1e-3, atol=1e-6)
    assert not again.training
    assert not any(p.requires_grad for p in again.parameters())
    assert dump(again) == WEIGHTS


def test_the_weights_follow_from_chance_alone() -> None:
    assert dump(fresh(np.random.default_rng(1))) == WEIGHTS
    assert dump(fresh(np.random.default_rng(2))) != WEIGHTS


def test_it_has_a_few_hundred_thousand_weights() -> None:
    count = sum(p.numel() for p in fresh(np.random.default_rng(1)).parameters())
    assert 200_000 <= count <= 400_000


@pytest.mark.parametrize(("height", "width"), [(16, 16), (13, 22), (3, 5)])
def test_pictures_of_any_size_keep_it(height: int, width: int) -> None:
    pictures = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    network = load(WEIGHTS, "a")
    together = network(pictures)
    assert together.shape == pictures.shape
    assert_close(network(pictures[1:]), together[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no weights, or damaged ones"),
        (WEIGHTS[:-1], "holds no weights, or damaged ones"),
        (bytes(LARGEST_FILE + 1), r"has 4,194,305 bytes of weights, but .* at most 4,194,304"),
        (save({"a": torch.zeros(3)}), "holds the weights of another network"),
    ],
)
def test_other_bytes_are_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(WeightsError, match=f"^key 0123: {said}") as caught:
        load(data, "key 0123")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    state = fresh(np.random.default_rng(1)).state_dict()
    state["read.inward.bias"][3] = value
    with pytest.raises(WeightsError, match="weights that are no numbers"):
        load(save(state), "a")


def test_whole_numbers_are_no_weights() -> None:
    state = {k: t.long() for k, t in fresh(np.random.default_rng(1)).state_dict().items()}
    small = {k: t.to(torch.int16) for k, t in state.items()}
    with pytest.raises(WeightsError, match="weights that are no numbers"):
        load(save(small), "a")


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_anything_at_all_is_refused_with_our_error(data: bytes) -> None:
    for whole in (data, len(data).to_bytes(8, "little") + data, WEIGHTS[:8] + data):
        with pytest.raises(WeightsError):
            load(whole, "a")


@settings(max_examples=40)
@given(st.integers(0, 1500), st.integers(1, 255))
def test_a_changed_header_is_refused_or_changes_no_shape(at: int, change: int) -> None:
    damaged = bytearray(WEIGHTS)
    damaged[at] ^= change
    try:
        network = load(bytes(damaged), "a")
    except WeightsError:
        return
    shapes = [t.shape for t in network.state_dict().values()]
    assert shapes == [t.shape for t in fresh(np.random.default_rng(1)).state_dict().values()]


def test_the_stranger_gives_pictures_back_and_is_loaded_once(
    crop: Callable[..., NDArray[np.uint8]],
) -> None:
    network = stranger.network()
    assert network is stranger.network()
    photo = torch.from_numpy(crop("astronaut", 64, 64)).permute(2, 0, 1)[None].float() / 255
    assert mse(network(photo).clamp(0, 1), photo).item() < 0.01
