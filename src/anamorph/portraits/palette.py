"""Colors: sRGB triples in [0, 1], chosen to sit well beside each other."""

from typing import TypeAlias

RGB: TypeAlias = tuple[float, float, float]
"""A color, sRGB, each channel in [0, 1]."""


def _hex(*codes: str) -> tuple[RGB, ...]:
    return tuple(
        (int(c[0:2], 16) / 255, int(c[2:4], 16) / 255, int(c[4:6], 16) / 255) for c in codes
    )


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """The color `share` of the way from a to b.

    >>> mix((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.25)
    (0.25, 0.25, 0.25)
    """
    return (
        a[0] + (b[0] - a[0]) * share,
        a[1] + (b[1] - a[1]) * share,
        a[2] + (b[2] - a[2]) * share,
    )


def tint(color: RGB, by: RGB) -> RGB:
    """The color seen through a filter: channel by channel product."""
    return (color[0] * by[0], color[1] * by[1], color[2] * by[2])


def ramp(stops: tuple[RGB, ...], position: float) -> RGB:
    """The color at a position in [0, 1] along evenly spaced stops.

    >>> ramp(((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), 0.5)
    (0.5, 0.5, 0.5)
    """
    at = min(max(position, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(at), len(stops) - 2)
    return mix(stops[low], stops[low + 1], at - low)


SKIN = _hex("fbdcc6", "f3c9a8", "e4b08a", "cd9268", "ab7450", "85573c", "65402e")
"""Skin from light to deep; `ramp` reads between the stops."""

HAIR = _hex(
    "2a2430", "46302a", "6b4330", "8e5436", "b5683a", "a98152", "d9b27a", "8e8a90", "cfc8c4",
    "b5657c", "5b7fa6",
)  # fmt: skip
"""Black, browns, auburn, copper, blondes, greys, and two that come from a bottle."""

NATURAL_HAIR = 9
"""The first colors of `HAIR`, those people are born with or grow into."""

IRIS = _hex("4a2f22", "6b4528", "8a6a38", "5f7d55", "4f7c8c", "5c7fb3", "6f7684")

BACKGROUNDS = tuple(
    zip(
        _hex("cfe6e3", "fbe0cf", "dcd6f2", "d9e7cf", "f6e6c2", "c9dcf0", "f4d3d6", "bfc9d6",
             "f0c9a4", "a9cfc6", "e8e1d8", "b9b4d9"),
        _hex("93c2c1", "f0b199", "ab9fd6", "a3c193", "e6bf7f", "87aed6", "de9aa4", "7f90a6",
             "d98f63", "5f9c97", "c0b3a4", "7d78b3"),
        strict=True,
    )
)  # fmt: skip
"""Pairs (light, deep) of one hue for the background."""

CLOTHES = _hex(
    "e9735a", "f2b950", "3f7f86", "5b6fb0", "86567f", "4f7d5a", "f4efe6", "394353", "c9566b",
    "7fb0c9", "a8754c", "9a9fb5",
)  # fmt: skip

FRAMES = _hex("2d2a33", "5a3a2b", "8c3b3f", "37536e", "c79a4b", "55585f")
"""Frames of glasses."""

INK = _hex("2b2029")[0]
"""Lashes and pupils: nearly black, and warm."""

SCLERA = _hex("fdf8f3")[0]
TEETH = _hex("fffaf2")[0]
MOUTH = _hex("6d2a32")[0]
TONGUE = _hex("d77a78")[0]
BLUSH = _hex("e4665f")[0]
LIPS = _hex("b8474f")[0]
WHITE: RGB = (1.0, 1.0, 1.0)
SHADE: RGB = (0.74, 0.60, 0.62)
"""What shadow does to skin: darker, and redder rather than grey."""
