"""Pictures hidden behind a key network: what the network makes of them is the photo.

The published way, for study: what it shows is measured and told, and not held to any bar.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.hide.construction import Check, Original
from anamorph.app.hide.showing import likeness
from anamorph.app.images import as_images
from anamorph.errors import BadKey, DamagedKey, WeightsError
from anamorph.files.lowbits import Fit
from anamorph.files.notice import Notice
from anamorph.keys.key import Key
from anamorph.methods.avih import AVIH, KeyNetwork, avih
from anamorph.methods.keeping import Keeping
from anamorph.metrics.image import psnr
from anamorph.models.device import CPU, placed
from anamorph.models.networks import generator, stranger
from anamorph.optimize.problem import Problem
from anamorph.types import Images, Reader

LEAST_PSNR = 18.0
"""In dB: a picture that comes back worse than that has not come back."""

WEAKNESS = (
    "network keys are known to be weak: outlines show in the pictures, and who knows some of the "
    "photos can reveal the others; use a sealed key for anything that matters"
)

_SEED_BITS = 63


class Noisy(NamedTuple):
    """A small copy of a photo, and the noise its hidden picture starts from."""

    x: Images  # (3, h, w), 8-bit values over 255
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """Hides with a network key (an `app.hide.construction.Construction`)."""

    key: Key
    network: KeyNetwork
    """Of the key; see `network_of`."""
    parameters: AVIH
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

    def prepare(self, original: Original, fit: Fit) -> Noisy:
        """A copy of 8-bit values, and a fresh seed."""
        x = original.shown[0].mul(255).round_().clamp_(0, 255).div_(255)
        return Noisy(x, secrets.randbits(_SEED_BITS))

    def problem(
        self, service: Reader, target: Tensor, keeping: Keeping, prepared: Sequence[Noisy]
    ) -> Problem[Any]:
        """Noise that becomes the photos for the service model and for the key network."""
        x = torch.stack([one.x for one in prepared]).to(target.device)
        seeds = [one.seed for one in prepared]
        return avih(service, self.network, x, target, keeping, seeds, self.parameters)

    def pixels(self, value: Tensor, prepared: Noisy) -> NDArray[np.uint8]:
        """The nearest 8-bit values."""
        return _levels(value)

    def notice(self, prepared: Noisy) -> Notice:
        """Names the key; all else is in the picture."""
        return Notice(
            kind="network",
            height=self.height,
            width=self.width,
            fingerprint=self.key.fingerprint,
            model=self.model,
        )

    def check(self, pixels: NDArray[np.uint8], original: Original, prepared: Noisy) -> Check:
        """The key gives a picture like the original's copy back; what a stranger's gives is told.

        The stranger is a network of the same kind that comes with anamorph: anybody can train one.
        """
        wanted = prepared.x[None]
        own = reveal_with(self.network, pixels)
        other = reveal_with(stranger.network(), pixels)
        noise = psnr(wanted, own).item()
        good = noise >= LEAST_PSNR
        return Check(
            fault="" if good else f"the key reveals it at {noise:.1f} dB only; take more steps",
            psnr=noise,
            ssim=likeness(wanted, own),
            other_ssim=likeness(wanted, other),
        )


def network_of(key: Key, device: torch.device = CPU) -> KeyNetwork:
    """The network that a key is, on a device; it answers where it is asked.

    Raises:
        BadKey: a key of another kind.
        DamagedKey: its weights are not those of a key network.
    """
    if key.kind != "network":
        raise BadKey(f"key {key.fingerprint} is a {key.kind} key, which is no network")
    try:
        network = generator.load(key.secret.reveal(), f"key {key.fingerprint}")
    except WeightsError as error:
        raise DamagedKey(str(error)) from error
    return placed(network, device)


def reveal_with(network: KeyNetwork, pixels: NDArray[np.uint8]) -> Images:
    """What the network makes of a picture (h, w, 3), as the file of it holds: (1, 3, h, w)."""
    with torch.no_grad():
        revealed = network(as_images(pixels))
    return as_images(_levels(revealed[0]))


def _levels(image: Tensor) -> NDArray[np.uint8]:
    """The nearest 8-bit values (h, w, 3)."""
    levels = image.mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().numpy()
