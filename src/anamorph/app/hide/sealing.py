"""Sealed pictures: the original file, encrypted, in the low bits of a picture made of noise."""

import os
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.hide.construction import Check, Original
from anamorph.errors import WrongKey
from anamorph.files import lowbits, sealed_header
from anamorph.files.lowbits import Fit
from anamorph.files.notice import Notice
from anamorph.files.sealed_header import SealedHeader
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.keys.sealing import open_sealed, seal, sealed_size
from anamorph.methods.keeping import Keeping
from anamorph.methods.sealed import Sealed, assemble, sealed
from anamorph.optimize.problem import Problem
from anamorph.types import Reader

_NAME_SIZE = struct.Struct(">H")
_SEED_BITS = 63


class Content(NamedTuple):
    """What a sealed picture holds."""

    name: str
    data: bytes


class Carrier(NamedTuple):
    """The part of a hidden picture that does not depend on the service model."""

    low: Tensor  # (3, h, w), uint8
    fit: Fit
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Hides with a sealed key (an `app.hide.construction.Construction`)."""

    key: Key
    parameters: Sealed
    height: int
    """Of what the service model reads: the least height of a hidden picture."""
    width: int
    model: str
    """The first 32 hex digits of the digest of the service model's weights."""
    most_pixels: int

    @property
    def least_cosine(self) -> float:
        """As the parameters say."""
        return self.parameters.least_cosine

    def fit(self, name: str, size: int) -> Fit:
        """The smallest picture for the sealed file and its name; their length tells it alone."""
        payload = sealed_size(len(_prefix(name)) + size)
        return lowbits.fit(payload, self.height, self.width, self.most_pixels)

    def prepare(self, original: Original, fit: Fit) -> Carrier:
        """Seal the file; the start of the optimization is drawn apart from it."""
        prefix = _prefix(original.name)
        header = sealed_header.dump(
            SealedHeader(
                bits=fit.bits,
                height=fit.height,
                width=fit.width,
                size=sealed_size(len(prefix) + len(original.data)),
                fingerprint=self.key.fingerprint,
                model=self.model,
            )
        )
        payload = seal(prefix + original.data, self.key, associated=header)
        random = np.frombuffer(secrets.token_bytes(fit.height * fit.width * 3), np.uint8)
        low = lowbits.put(header, payload, random.reshape(fit.height, fit.width, 3), fit)
        planes = torch.from_numpy(np.ascontiguousarray(low.transpose(2, 0, 1)))
        return Carrier(planes, fit, secrets.randbits(_SEED_BITS))

    def problem(
        self, service: Reader, target: Tensor, keeping: Keeping, prepared: Sequence[Carrier]
    ) -> Problem[Any]:
        """The high bits, for the service model."""
        low = torch.stack([one.low for one in prepared]).to(target.device)
        seeds = [one.seed for one in prepared]
        bits = prepared[0].fit.bits
        return sealed(service, target, keeping, low, bits, seeds, self.parameters)

    def pixels(self, value: Tensor, prepared: Carrier) -> NDArray[np.uint8]:
        """High bits and low bits together."""
        values = assemble(value[None], prepared.low[None], prepared.fit.bits)[0]
        return values.permute(1, 2, 0).contiguous().numpy()

    def notice(self, prepared: Carrier) -> Notice:
        """Says what it was, for when the low bits are gone."""
        return Notice(
            kind="sealed",
            height=prepared.fit.height,
            width=prepared.fit.width,
            fingerprint=self.key.fingerprint,
            model=self.model,
        )

    def check(self, pixels: NDArray[np.uint8], original: Original, prepared: Carrier) -> Check:
        """The key gives name and bytes back; another key is refused."""
        raw = lowbits.header_in(pixels)
        header = sealed_header.load(raw, original.name)
        if header is None or (header.height, header.width) != pixels.shape[:2]:
            return Check(fault="the written file does not hold what was sealed in it")
        try:
            content = unseal(pixels, header, self.key)
        except WrongKey:
            return Check(fault="the key does not reveal the written file")
        if content != (original.name, original.data):
            return Check(fault="the key reveals something else than the original")
        try:
            unseal(pixels, header, keys.new("sealed"))
        except WrongKey:
            return Check(other_refused=True)
        return Check(fault="another key reveals the written file", other_refused=False)


def unseal(pixels: NDArray[np.uint8], header: SealedHeader, key: Key) -> Content:
    """What the key finds in a sealed picture (h, w, 3).

    Raises:
        WrongKey: another key, or the picture was changed since it was sealed.
        UsageError: the picture is too small for what the header promises.
    """
    payload = lowbits.payload_in(pixels, header.bits, header.size)
    inside = open_sealed(payload, key, associated=sealed_header.dump(header))
    start = _NAME_SIZE.size
    end = start + int.from_bytes(inside[:start], "big")
    return Content(os.fsdecode(inside[start:end]), inside[end:])


def _prefix(name: str) -> bytes:
    """The name as it stands before the file's bytes; any bytes that a disk takes for a name."""
    raw = os.fsencode(name)
    return _NAME_SIZE.pack(len(raw)) + raw
