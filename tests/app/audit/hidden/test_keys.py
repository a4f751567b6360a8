"""Wrong keys by force, and one secret for all."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from anamorph.app.audit.hidden.keys import forced, under_one_secret, wrong_key
from anamorph.app.hide.permuting import restore
from anamorph.errors import FileError
from anamorph.files.notice import Hidden, Notice
from anamorph.files.photo import Limits
from anamorph.keys import key as keys
from anamorph.keys.derive import inverse, permutation, signs

SIDE = 16


@pytest.fixture
def pixels(crop: Callable[..., NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return crop("coffee", SIDE, SIDE)


def notice_of(kind: Hidden, nonce: bytes = bytes(16)) -> Notice:
    secret = {"nonce": nonce, "levels": bytes(64)} if kind == "permuted" else {}
    return Notice(kind=kind, height=SIDE, width=SIDE, fingerprint="f", model="m", **secret)


@pytest.mark.parametrize("kind", ["sealed", "permuted"])
def test_wrong_keys_are_the_same_again_and_differ_by_seed(kind: Hidden) -> None:
    first, again, other = (wrong_key(kind, seed) for seed in (1, 1, 2))
    assert first.kind == kind
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_the_wrong_network_is_the_one_that_anybody_has(pixels: NDArray[np.uint8]) -> None:
    key = wrong_key("network", 1)
    assert key.fingerprint == wrong_key("network", 2).fingerprint
    made = forced(pixels, notice_of("network"), key, Limits())
    assert made is not None
    assert made.shape == (1, 3, SIDE, SIDE)


def test_by_force_a_permuted_picture_becomes_something_else(pixels: NDArray[np.uint8]) -> None:
    notice = notice_of("permuted")
    one, other = (forced(pixels, notice, wrong_key("permuted", i), Limits()) for i in (1, 2))
    assert one is not None
    assert other is not None
    assert not torch.equal(one, other)


def test_a_lost_seal_cannot_be_forced(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(FileError, match="lost its seal"):
        forced(pixels, notice_of("sealed"), wrong_key("sealed", 1), Limits())


def test_under_one_secret_every_picture_has_the_same_order(pixels: NDArray[np.uint8]) -> None:
    key = keys.new("permuted")
    order, turned = permutation(bytes(32), pixels.size), signs(bytes(32), pixels.size) < 0
    for nonce in (bytes(16), b"n" * 16):
        notice = notice_of("permuted", nonce)
        shared = under_one_secret(pixels, notice, key).flatten()
        upright = torch.where(torch.from_numpy(turned), 1 - shared, shared)
        back = upright[torch.from_numpy(inverse(order))]
        assert torch.allclose(back, restore(pixels, key, nonce).flatten(), atol=1e-6)
