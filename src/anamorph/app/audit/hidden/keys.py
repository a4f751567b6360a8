"""Keys that are not the right ones, and one secret for all: what attackers are measured with."""

import hashlib
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.app.hide.networking import network_of, reveal_with
from anamorph.app.hide.permuting import finish, restore
from anamorph.app.hide.sealing import unseal
from anamorph.app.images import as_images
from anamorph.errors import FileError, WrongKey
from anamorph.files import lowbits, sealed_header
from anamorph.files.notice import Hidden, Notice
from anamorph.files.photo import Limits, decode
from anamorph.keys import key as keys
from anamorph.keys.derive import permutation, signs
from anamorph.keys.key import SECRET_SIZE, Key, Secret
from anamorph.models.networks import generator, stranger
from anamorph.types import Images

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def wrong_key(kind: Hidden, seed: int) -> Key:
    """A key of the kind that nobody hides with; of networks, one that anybody has.

    Args:
        kind: of the right key.
        seed: of its secret: an audit that is run again tries the same ones.
    """
    if kind == "network":
        return keys.network_key(generator.dump(stranger.network()))
    secret = hashlib.sha256(f"wrong key {seed}".encode()).digest()
    return Key(kind=kind, secret=Secret(secret[:SECRET_SIZE]), created=_EPOCH)


def forced(pixels: NDArray[np.uint8], notice: Notice, key: Key, limits: Limits) -> Images | None:
    """What somebody gets who uses a key of the right kind whatever the file says about it.

    Args:
        pixels: (h, w, 3) of a hidden picture.
        notice: what it is.
        key: of the same kind.
        limits: on what is decoded.

    Returns:
        (1, 3 or 1, height, width), or None where nothing comes out: the seal is not broken by
        force.

    Raises:
        FileError: a sealed picture that lost its seal.
    """
    if notice.kind == "network":
        return reveal_with(network_of(key), pixels)
    if notice.kind == "permuted":
        return finish(restore(pixels, key, notice.nonce), key, notice.nonce, notice.levels)
    header = sealed_header.load(lowbits.header_in(pixels), "the hidden picture")
    if header is None:
        raise FileError("the hidden picture has lost its seal; get the file as `hide` wrote it")
    try:
        inside = unseal(pixels, header, key)
    except WrongKey:
        return None
    return as_images(decode(inside.data, inside.name, limits).pixels)


def under_one_secret(pixels: NDArray[np.uint8], notice: Notice, key: Key) -> Images:
    """A permuted picture as one order and one choice of signs for all pictures would have made it.

    It is put in order with its own subkey, and shuffled with one that all share. What hiding
    changed a little stays: it looks like white noise in either order.

    Args:
        pixels: (h, w, 3).
        notice: of a permuted picture.
        key: the right one.
    """
    secret = bytes(SECRET_SIZE)
    values = restore(pixels, key, notice.nonce).flatten()
    moved = values[torch.from_numpy(permutation(secret, len(values)))]
    turned = torch.from_numpy(signs(secret, len(values)) < 0)
    return torch.where(turned, 1 - moved, moved).view(1, 3, *pixels.shape[:2])
