"""Shapes and roles: the words the rest of the library speaks.

Inside the library a picture is a float tensor in [0, 1], RGB (c = 3) or grey (c = 1), at its own
resolution. Models are known by the role they play, never by their class.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

Images: TypeAlias = Float[Tensor, "n c h w"]
"""A batch of pictures of one size, values in [0, 1]."""

PerSample: TypeAlias = Float[Tensor, " n"]
"""One number per sample; only the engine ever sums over samples."""

PerSampleBool: TypeAlias = Bool[Tensor, " n"]
"""One truth value per sample."""

Seeds: TypeAlias = Sequence[int]
"""One seed per sample, derived from the run's seed and the picture's digest."""

Task: TypeAlias = Literal["classify", "embed", "detect"]
"""What a model's output means: class logits, an embedding, or detections."""

Precision: TypeAlias = Literal["float32", "bfloat16", "auto"]
"""The numbers a network computes in: its own, shorter ones, or the faster of the two."""


class Reading(NamedTuple):
    """What a model makes of a batch of pictures, in one forward pass."""

    output: Float[Tensor, "n k"]
    """Class logits or an embedding, one row per picture."""
    features: tuple[Tensor, ...]
    """The tapped feature maps in the order of the taps, each with n rows; empty without taps."""


FeatureMaps: TypeAlias = tuple[Tensor, ...]
"""Feature maps in the order of the taps, each with n rows."""

Held: TypeAlias = Callable[[Tensor], Tensor]
"""How what a network is shown is held: mirrored, turned; (n, c, h, w) at the network's size."""

Glance: TypeAlias = Callable[[Images, Held], FeatureMaps]
"""g: the feature maps of pictures, or of parts of them, perhaps at a low resolution."""


@runtime_checkable
class Authorized(Protocol):
    """Reads pictures and shows its feature maps; differentiable with respect to the pictures."""

    def __call__(self, images: Images, /) -> Reading:
        """Read a batch of pictures."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Reads pictures: an authorized model, a surrogate, or a member of the panel."""

    def __call__(self, images: Images, /) -> Float[Tensor, "n k"]:
        """Class logits or embeddings, one row per picture."""
        ...
