"""L' of feature map distortion: how far feature maps have moved.

    r_l = MSE(g_l(V x), g_l(V x*)) / MSE(g_l(x), g_l(x_0))       of each tapped layer l
    L'  = mean over l of r_l       or       mean over l of log r_l

x_0 is the random start, so that layers weigh the same whatever the scale of their activations. In
the arithmetic mean the layer that has moved most still outweighs the others; the logarithm of the
geometric mean asks of each layer, and of each model where several are added up, the same growth.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from anamorph.losses import mse
from anamorph.methods.views import VIEWS, View
from anamorph.optimize.rows import join, take
from anamorph.types import FeatureMaps, Glance, Images, PerSample

Mean: TypeAlias = Literal["arithmetic", "geometric"]
"""How the distortions of layers are averaged."""

_LEAST = 1e-6
"""The r_l below which its logarithm falls no further: layers that do not move point nowhere."""


class Sights(NamedTuple):
    """What one model sees in the originals; rows."""

    views: tuple[FeatureMaps, ...]
    """g_feat(V_k x), one for each view."""
    at_start: tuple[PerSample, ...]
    """MSE(g_feat(x), g_feat(x_0)) of each tap."""


def sights(views: Sequence[FeatureMaps], start: FeatureMaps) -> Sights:
    """What is seen in views of the originals, the whole pictures first, and in the random start."""
    whole = views[0]
    return Sights(
        tuple(views),
        tuple(
            mse(a, b).clamp_min(torch.finfo(a.dtype).tiny)
            for a, b in zip(start, whole, strict=True)
        ),
    )


def distortion(
    features: FeatureMaps, clean: FeatureMaps, at_start: Sequence[PerSample], mean: Mean
) -> PerSample:
    """L' of one view."""
    taps = zip(features, clean, at_start, strict=True)
    r = torch.stack([mse(f, f_x) / d for f, f_x, d in taps])
    return (r if mean == "arithmetic" else r.clamp_min(_LEAST).log()).mean(0)


def seen_in(glance: Glance, view: View, images: Images) -> FeatureMaps:
    """g_feat(V x)."""
    return glance(view.part(images), view.held)


def distortion_in_turn(
    glance: Glance, x_star: Tensor, view: Tensor, seen: Sights, mean: Mean
) -> PerSample:
    """L' of each picture's own view.

    Args:
        glance: g.
        x_star: (n, c, h, w).
        view: (n,) the number of each picture's view, k.
        seen: what g sees in the originals.
        mean: of the layers.
    """

    def of_view(k: int, rows: Tensor) -> PerSample:
        features = seen_in(glance, VIEWS[k], take(x_star, rows))
        return distortion(features, take(seen.views[k], rows), take(seen.at_start, rows), mean)

    groups = [(k, view == k) for k in sorted(set(view.tolist()))]
    made = reduce(join, (of_view(k, rows) for k, rows in groups))
    order = torch.cat([rows.nonzero().flatten() for _, rows in groups]).argsort()
    return made if len(groups) == 1 else take(made, order)
