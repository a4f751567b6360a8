"""Permuted pictures: every value of a small copy of the photo, spread, moved, often turned over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.hide.construction import Check, Original
from anamorph.app.hide.showing import correlation, likeness, most_correlation
from anamorph.files.lowbits import Fit
from anamorph.files.notice import Notice
from anamorph.keys import key as keys
from anamorph.keys.derive import inverse, new_nonce, permutation, signs, stream, subkey
from anamorph.keys.key import Key
from anamorph.methods import levels
from anamorph.methods.keeping import Keeping
from anamorph.methods.permuted import Permuted, denoise, permuted
from anamorph.metrics.image import psnr
from anamorph.optimize.problem import Problem
from anamorph.types import Images, Reader

LEAST_PSNR = 25.0
"""In dB: a picture that comes back worse than that has not come back."""

_PURPOSE = "permute"
_LEAST_SMOOTHNESS = 0.1
_TINY = 1e-12


class Shuffled(NamedTuple):
    """A small copy of a photo under its permutation."""

    values: Tensor  # (3, h, w), uint8
    nonce: bytes
    levels: bytes  # the curve that spread the values, encrypted


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuting:
    """Hides with a permuted key (an `app.hide.construction.Construction`)."""

    key: Key
    parameters: Permuted
    height: int
    """Of what the service model reads: the height of every hidden picture."""
    width: int
    model: str
    """The first 32 hex digits of the digest of the service model's weights."""

    @property
    def least_cosine(self) -> float:
        """As the parameters say."""
        return self.parameters.least_cosine

    def fit(self, name: str, size: int) -> Fit:
        """The service model's size for every photo."""
        return Fit(height=self.height, width=self.width, bits=0)

    def prepare(self, original: Original, fit: Fit) -> Shuffled:
        """Permute a copy of 8-bit values under a fresh nonce."""
        nonce, shown = new_nonce(), original.shown[0]
        curve = levels.flattening(shown, self.parameters.flatness)
        values = _permute(_levels(levels.bend(shown, curve)), self.key, nonce)
        return Shuffled(values, nonce, _crypt(curve, self.key, nonce))

    def problem(
        self, service: Reader, target: Tensor, keeping: Keeping, prepared: Sequence[Shuffled]
    ) -> Problem[Any]:
        """Near the permuted pictures, for the service model."""
        values = torch.stack([one.values for one in prepared])
        shuffled = values.to(target.device).float().div_(255)
        return permuted(service, shuffled, target, keeping, self.parameters)

    def pixels(self, value: Tensor, prepared: Shuffled) -> NDArray[np.uint8]:
        """The nearest 8-bit values."""
        return _levels(value).permute(1, 2, 0).contiguous().numpy()

    def notice(self, prepared: Shuffled) -> Notice:
        """Carries the nonce, without which not even the key reveals the picture, and the curve."""
        return Notice(
            kind="permuted",
            height=self.height,
            width=self.width,
            fingerprint=self.key.fingerprint,
            model=self.model,
            nonce=prepared.nonce,
            levels=prepared.levels,
        )

    def check(self, pixels: NDArray[np.uint8], original: Original, prepared: Shuffled) -> Check:
        """The key gives a picture like the original's copy back; another key gives noise.

        Even if whoever has the other one knew the curve.
        """
        wanted = _levels(original.shown).float().div_(255)
        values = restore(pixels, self.key, prepared.nonce)
        own = finish(values, self.key, prepared.nonce, prepared.levels)
        forced = restore(pixels, keys.new("permuted"), prepared.nonce)
        other = finish(forced, self.key, prepared.nonce, prepared.levels)
        noise = psnr(wanted, own).item()
        if not (noise >= LEAST_PSNR and is_picture(values)):
            fault = f"the key reveals it at {noise:.1f} dB only; hide it with a sealed key"
        elif not abs(correlation(wanted, other)) <= most_correlation(wanted):
            fault = "something of it shows under another key; hide it with a sealed key"
        else:
            fault = ""
        return Check(
            fault=fault,
            psnr=noise,
            ssim=likeness(wanted, own),
            other_ssim=likeness(wanted, other),
        )


def restore(pixels: NDArray[np.uint8], key: Key, nonce: bytes) -> Images:
    """A permuted picture (h, w, 3) in order again: (1, 3, h, w), with its noise, still spread."""
    values = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    order, turned = _secret(key, nonce, values.numel())
    flat = values.reshape(-1)
    upright = torch.where(turned, 255 - flat, flat)
    return upright[torch.from_numpy(inverse(order))].view(1, *values.shape).float().div_(255)


def finish(restored: Images, key: Key, nonce: bytes, encrypted: bytes) -> Images:
    """The picture that was hidden: without noise, its values where the curve took them from."""
    curve = _crypt(encrypted, key, nonce)
    return levels.unbend(denoise(restored), curve)


def is_picture(restored: Images) -> bool:
    """Whether neighbors resemble each other, as they do in photos and not under a wrong key."""
    left, right = restored[..., :-1].flatten(), restored[..., 1:].flatten()
    left, right = left - left.mean(), right - right.mean()
    scale = left.norm() * right.norm()
    return bool(torch.dot(left, right) / scale.clamp_min(_TINY) >= _LEAST_SMOOTHNESS)


def _permute(values: Tensor, key: Key, nonce: bytes) -> Tensor:
    order, turned = _secret(key, nonce, values.numel())
    moved = values.reshape(-1)[torch.from_numpy(order)]
    return torch.where(turned, 255 - moved, moved).view(values.shape)


def _secret(key: Key, nonce: bytes, n: int) -> tuple[NDArray[np.int64], Tensor]:
    """The order of the values, and which of them are turned over."""
    own = subkey(key, nonce, _PURPOSE)
    return permutation(own, n), torch.from_numpy(signs(own, n) < 0)


def _crypt(curve: bytes, key: Key, nonce: bytes) -> bytes:
    """Encrypt a curve, or decrypt it: a nonce serves one picture, so its stream serves once."""
    pad = stream(subkey(key, nonce, _PURPOSE), len(curve))
    return bytes(a ^ b for a, b in zip(curve, pad, strict=True))


def _levels(images: Images) -> Tensor:
    """The nearest 8-bit values."""
    return images.mul(255).round_().clamp_(0, 255).to(torch.uint8)
