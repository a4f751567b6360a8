"""The keyed rotation as a shielding: what a key of the kind `rotation` makes of embeddings."""

from collections.abc import Callable
from dataclasses import dataclass, field

from anamorph.errors import BadKey
from anamorph.keys.derive import NONCE_SIZE, normals, subkey
from anamorph.keys.key import Key
from anamorph.methods.rotation import LARGEST_WIDTH, Rotation, rotation
from anamorph.templates.checking import check_shape
from anamorph.templates.role import Features

NAME = "keyed"
VERSION = 1

_NONCE = bytes(NONCE_SIZE)
"""One rotation a key and width: nothing about it belongs to a single record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """Rotates embeddings of any width; plays the role `Shielding`."""

    digest: str
    """The fingerprint of the key whose rotation the result has."""
    _rotation: Callable[[int], Rotation] = field(repr=False, compare=False)
    _known: dict[int, Rotation] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The method."""
        return NAME

    @property
    def version(self) -> int:
        """Of the way from the key to the rotation."""
        return VERSION

    def __call__(self, features: Features) -> Features:
        """Rotate a batch (n, d).

        Raises:
            UsageError: feature maps, or embeddings wider than 4096.
        """
        width = features.shape[-1]
        check_shape(features.shape[1:], (width,), "a keyed rotation")
        if width not in self._known:
            self._known[width] = self._rotation(width)
        return self._known[width](features)


def keyed(key: Key) -> Keyed:
    """The shielding of a key.

    Raises:
        BadKey: a key of another kind.
    """
    _check_kind(key)
    return Keyed(digest=key.fingerprint, _rotation=lambda width: rotation_of(key, width))


def rekeyed(old: Key, new: Key) -> Keyed:
    """From the rotation of one key to that of another; no plain embedding is ever formed.

    It takes rows that carry the mark of `keyed(old)`, and gives the mark of `keyed(new)`.

    Raises:
        BadKey: a key of another kind, or the same key twice.
    """
    _check_kind(old)
    _check_kind(new)
    if old == new:
        raise BadKey(f"both keys are {new.fingerprint}; make a new one with `anamorph key new`")

    def combined(width: int) -> Rotation:
        return rotation_of(new, width).instead_of(rotation_of(old, width))

    return Keyed(digest=new.fingerprint, _rotation=combined)


def rotation_of(key: Key, width: int) -> Rotation:
    """The rotation that a key stands for, at one width.

    Raises:
        UsageError: a width outside 2 .. 4096.
    """
    drawn = width if width <= LARGEST_WIDTH else 0  # refused before anything large is drawn
    numbers = normals(subkey(key, _NONCE, f"rotation-{width}"), drawn * drawn)
    return rotation(numbers.reshape(drawn, drawn))


def _check_kind(key: Key) -> None:
    if key.kind != "rotation":
        raise BadKey(
            f"key {key.fingerprint} is a {key.kind} key, which does not rotate embeddings; make a "
            "key with `anamorph key new --kind rotation`"
        )
