"""Faces of people who do not exist, and small models that know them.

Everything is made on the spot from numbers: no pictures are stored, nothing is downloaded.

    >>> portrait(3, 1, size=64).shape
    (64, 64, 3)
"""

from typing import TYPE_CHECKING, Any

from anamorph.portraits.catalog import Accuracy, accuracy, names
from anamorph.portraits.dataset import PortraitSet, dataset, portrait, take, write_folder
from anamorph.portraits.face import HAIR_STYLES, Traits, traits
from anamorph.portraits.scene import EXPRESSIONS, Shot

if TYPE_CHECKING:
    from anamorph.portraits.loading import build

__all__ = [
    "EXPRESSIONS",
    "HAIR_STYLES",
    "Accuracy",
    "PortraitSet",
    "Shot",
    "Traits",
    "accuracy",
    "build",
    "dataset",
    "names",
    "portrait",
    "take",
    "traits",
    "write_folder",
]


def __getattr__(name: str) -> Any:
    """`build` on first use: it alone needs torch, which is slow to import."""
    if name == "build":
        from anamorph.portraits.loading import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
