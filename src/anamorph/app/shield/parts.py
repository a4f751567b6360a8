"""A few stored features at once, on a device; chance follows from a secret and each feature."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.methods.advface import AdvFace
from anamorph.methods.decoy import Decoy
from anamorph.optimize.engine import Solved
from anamorph.optimize.problem import Problem
from anamorph.parameters import shown
from anamorph.templates.checking import as_features, check_rows
from anamorph.templates.role import Features

SECRET_SIZE = 32
"""Bytes of the secret that chance is derived from."""

_AT_ONCE = 8
_DIGITS = 32


def in_parts(
    features: Features,
    secret: bytes,
    protect: Callable[[Tensor, list[int]], Tensor],
    device: torch.device,
) -> Features:
    """A few at once, on a device; chance follows from the secret and the feature itself."""
    out = np.empty(features.shape, np.float32)
    for first in range(0, len(features), _AT_ONCE):
        part = np.array(features[first : first + _AT_ONCE], np.float32, order="C")
        seeds = [_seed(secret, row.tobytes()) for row in part]
        z = torch.from_numpy(part).to(device)
        out[first : first + len(part)] = protect(z, seeds).cpu().numpy()
    return out


def stacked(solved: Sequence[Solved], problem: Problem[Any]) -> Tensor:
    """The solutions as one batch, on the device of the problem."""
    return torch.stack([one.value for one in solved]).to(problem.start)


def check_features(features: Features, wanted: tuple[int, ...], who: str) -> None:
    """Refuse features of another shape than wanted, or that are no finite numbers.

    Raises:
        UsageError: they are.
    """
    if features.shape[1:] != wanted:
        raise UsageError(
            f"features of shape {features.shape[1:]}, but {who} {wanted}; give those of the same "
            "recognizer and layer"
        )
    check_rows(range(len(features)), as_features(features, "the batch"), "the batch")


def secret_or_fresh(secret: bytes | None) -> bytes:
    """The secret that was given, or a fresh one.

    Raises:
        UsageError: it has another size than `SECRET_SIZE`.
    """
    if secret is None:
        return secrets.token_bytes(SECRET_SIZE)
    if len(secret) != SECRET_SIZE:
        raise UsageError(f"a secret has {SECRET_SIZE} bytes, not {len(secret)}; leave it out")
    return secret


def bytes_of(parameters: AdvFace | Decoy) -> bytes:
    """What shapes a record: the least cosine does not, so every one has the default's digest."""
    told = shown(parameters)
    told.pop("least_cosine")
    if isinstance(parameters, Decoy):
        told["least_cosine"] = Decoy().least_cosine  # as in the marks of stores that are there
    return repr(sorted(told.items())).encode()


def digest_of(parts: Sequence[bytes]) -> str:
    """One digest of several parts, in hex, that tells where one ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:_DIGITS]


def _seed(secret: bytes, row: bytes) -> int:
    return int.from_bytes(hmac.digest(secret, row, "sha256")[:8], "big") >> 1
