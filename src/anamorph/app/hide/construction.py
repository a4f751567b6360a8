"""What the job of hiding asks of a construction: one way in which a kind of key hides a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anamorph.files.lowbits import Fit
from anamorph.files.notice import Notice
from anamorph.methods.keeping import Keeping
from anamorph.optimize.problem import Problem
from anamorph.types import Images, Reader


class Original(NamedTuple):
    """What is hidden."""

    name: str
    """Where it lies in its tree, with `/`."""
    data: bytes
    """The whole file."""
    shown: Images
    """(1, 3, h, w): the photo at the size of the hidden picture, as a person would see it there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the key, and another one, make of a written file."""

    fault: str = ""
    """Why the file is no good; empty if the key reveals it and the other key does not."""
    psnr: float | None = None
    ssim: float | None = None
    other_refused: bool | None = None
    other_ssim: float | None = None


P = TypeVar("P")
"""A photo made ready for hiding."""


class Construction(Protocol[P]):
    """One way to hide: everything about it but the service model."""

    @property
    def least_cosine(self) -> float:
        """For embedding models: the smallest cosine that counts as kept."""
        ...

    def fit(self, name: str, size: int) -> Fit:
        """The hidden picture for a file of `size` bytes.

        Raises:
            TooLarge: none is allowed that would hold it.
        """
        ...

    def prepare(self, original: Original, fit: Fit) -> P:
        """Make a photo ready, with fresh randomness."""
        ...

    def problem(
        self, service: Reader, target: Tensor, keeping: Keeping, prepared: Sequence[P]
    ) -> Problem[Any]:
        """The problem of some photos whose hidden pictures have one `Fit`, on target's device."""
        ...

    def pixels(self, value: Tensor, prepared: P) -> NDArray[np.uint8]:
        """The hidden picture (h, w, 3) of a solution."""
        ...

    def notice(self, prepared: P) -> Notice:
        """What the file says of itself."""
        ...

    def check(self, pixels: NDArray[np.uint8], original: Original, prepared: P) -> Check:
        """Try the key, and a random other one, on decoded pixels."""
        ...
