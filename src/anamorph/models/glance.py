"""Glances: the feature maps of pictures shown small, without the rest of the forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from anamorph.models.card import Input
from anamorph.models.outputs import returned
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.taps import capture, capture_features
from anamorph.types import FeatureMaps, Glance, Held, Images

_MULTIPLE = 8
"""Sides are rounded to a multiple of it: maps of odd sizes waste time."""

REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError, TypeError)
"""What networks raise on sizes and numbers that they cannot take."""


def glancing(
    network: nn.Module,
    input: Input,
    taps: Sequence[str],
    cast: Callable[[Tensor], Tensor],
    share: float,
) -> Glance:
    """What tapped layers return for all of a picture at a share of the network's resolution.

    The forward pass stops at the last tap, gradients flow back. A network that runs at its own
    resolution only is shown that.

    Args:
        network: a frozen network.
        input: how it wants its pictures.
        taps: names of layers, at least one.
        cast: brings its input to its device and type.
        share: of the sides, in (0, 1].

    Raises:
        LayerNotFound: as `capture`.
    """
    with torch.no_grad():
        runs = capture(network, taps, cast(Preprocess(input)(example(input)))).runs

    def at(seen: Input) -> Glance:
        preprocess = Preprocess(seen)

        def glance(images: Images, held: Held) -> FeatureMaps:
            shown = held(preprocess.whole(images))
            features = capture_features(network, taps, cast(shown), runs)
            return tuple(returned(feature, images) for feature in features)

        return glance

    own, small = at(input), at(replace(input, size=smaller(input.size, share)))
    return small if _runs(small, input) else own


def smaller(size: tuple[int, int], share: float) -> tuple[int, int]:
    """A share of both sides, in whole multiples of 8, and never more than the sides.

    Example:
        >>> smaller((224, 224), 0.65)
        (144, 144)
    """
    height, width = (
        min(side, max(_MULTIPLE, round(side * share / _MULTIPLE) * _MULTIPLE)) for side in size
    )
    return height, width


def _runs(glance: Glance, input: Input) -> bool:
    """Whether a network takes pictures of that size; those with fixed positions refuse."""
    try:
        with torch.no_grad():
            glance(example(input), lambda shown: shown)
    except REFUSALS:
        return False
    return True
