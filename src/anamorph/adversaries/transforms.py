"""What happens to a picture that is shared: real codecs and filters, on 8-bit pixels.

A transform takes (h, w, 3) RGB and gives RGB back, uint8 both, without randomness. All but
`smaller` keep the size.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from PIL.Image import Resampling, Transpose
from PIL.Image import Transform as Affine

from anamorph.errors import UsageError

Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3) RGB."""

Change: TypeAlias = Callable[[Pixels], Pixels]
"""What is done to the pixels of a picture."""

_Edit: TypeAlias = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """Something that undoes a protection, by intention or not."""

    name: str
    change: Change
    meaning: str
    """In one line, for people."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """The picture afterwards."""
        return self.change(pixels)


def _coded(image: Image.Image, kind: str, quality: int) -> Image.Image:
    """Through a lossy file; JPEG with the color subsampling that most programs use (4:2:0)."""
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    buffer.seek(0)
    decoded = Image.open(buffer, formats=(kind,))
    decoded.load()
    return decoded.convert("RGB")


def _scaled(image: Image.Image, by: float, kernel: Resampling) -> Image.Image:
    width, height = (max(1, round(side * by)) for side in image.size)
    return image.resize((width, height), kernel)


def _down_and_up(image: Image.Image, kernel: Resampling) -> Image.Image:
    return _scaled(image, 0.5, kernel).resize(image.size, kernel)


def _cropped(image: Image.Image, keep: float) -> Image.Image:
    """The middle of a picture, enlarged to the picture's size."""
    width, height = image.size
    left, top = width * (1 - keep) / 2, height * (1 - keep) / 2
    box = (left, top, width - left, height - top)
    return image.resize(image.size, Resampling.BICUBIC, box=box)


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    """Turned about the middle, and cropped so that no empty corners show; of the same size."""
    width, height = image.size
    turn = math.radians(degrees)
    longer = max(width, height) / min(width, height)
    inside = 1 / (math.cos(turn) + longer * math.sin(turn))
    across, down = inside * math.cos(turn), inside * math.sin(turn)
    matrix = (
        *(across, down, (width - across * width - down * height) / 2),
        *(-down, across, (height + down * width - across * height) / 2),
    )
    return image.transform(image.size, Affine.AFFINE, matrix, Resampling.BICUBIC)


def _fewer_bits(pixels: Pixels, bits: int) -> Pixels:
    steps = 2**bits - 1
    levels = np.round(np.round(np.arange(256) / 255 * steps) / steps * 255).astype(np.uint8)
    return np.take(levels, pixels)


def _gamma(pixels: Pixels, power: float) -> Pixels:
    levels = np.round((np.arange(256) / 255) ** power * 255).astype(np.uint8)
    return np.take(levels, pixels)


def _median(pixels: Pixels) -> Pixels:
    """The median of 3 x 3 pixels, edges repeated: columns sorted first, then their ranks.

    The same as Pillow's filter, in a tenth of the time.
    """
    around = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    low, middle, high = _sorted(around[:-2], around[1:-1], around[2:])
    _, _, largest_low = _sorted(low[:, :-2], low[:, 1:-1], low[:, 2:])
    _, central, _ = _sorted(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])
    smallest_high, _, _ = _sorted(high[:, :-2], high[:, 1:-1], high[:, 2:])
    return _sorted(largest_low, central, smallest_high)[1]


def _sorted(a: Pixels, b: Pixels, c: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """The smallest, the middle and the largest of three values, place by place."""
    less, more = np.minimum(a, b), np.maximum(a, b)
    return np.minimum(less, c), np.maximum(less, np.minimum(more, c)), np.maximum(more, c)


def _screenshot(image: Image.Image) -> Image.Image:
    return _coded(_scaled(image, 0.9, Resampling.LANCZOS), "JPEG", 90).resize(
        image.size, Resampling.LANCZOS
    )


def _edited(*edits: _Edit) -> Change:
    """One edit after the other."""

    def change(pixels: Pixels) -> Pixels:
        image = Image.fromarray(np.ascontiguousarray(pixels))
        for edit in edits:
            image = edit(image)
        return np.array(image, dtype=np.uint8)

    return change


def _jpeg(quality: int) -> _Edit:
    return partial(_coded, kind="JPEG", quality=quality)


def _filter(kernel: ImageFilter.Filter) -> _Edit:
    return lambda image: image.filter(kernel)


def _mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Transpose.FLIP_LEFT_RIGHT)


_BLUR = _filter(ImageFilter.GaussianBlur(1))
_RESIZE = partial(_down_and_up, kernel=Resampling.BILINEAR)

_DECLARED: tuple[tuple[str, Change, str], ...] = (
    ("jpeg95", _edited(_jpeg(95)), "saved as JPEG, quality 95"),
    ("jpeg75", _edited(_jpeg(75)), "saved as JPEG, quality 75, as chats and networks do"),
    ("jpeg50", _edited(_jpeg(50)), "saved as JPEG, quality 50"),
    ("jpeg30", _edited(_jpeg(30)), "saved as JPEG, quality 30"),
    ("webp80", _edited(partial(_coded, kind="WEBP", quality=80)), "saved as WebP, quality 80"),
    ("resize", _edited(_RESIZE), "half the size and back, bilinear"),
    (
        "resize-bicubic",
        _edited(partial(_down_and_up, kernel=Resampling.BICUBIC)),
        "half the size and back, bicubic",
    ),
    (
        "resize-lanczos",
        _edited(partial(_down_and_up, kernel=Resampling.LANCZOS)),
        "half the size and back, Lanczos",
    ),
    (
        "resize-nearest",
        _edited(partial(_down_and_up, kernel=Resampling.NEAREST)),
        "half the size and back, nearest pixel",
    ),
    (
        "smaller",
        _edited(partial(_scaled, by=0.75, kernel=Resampling.BILINEAR)),
        "three quarters of the size",
    ),
    ("crop", _edited(partial(_cropped, keep=0.9)), "the middle 90 % of each side, enlarged"),
    ("flip", _edited(_mirrored), "mirrored left to right"),
    ("rotate", _edited(partial(_rotated, degrees=5)), "turned by 5 degrees, cropped, enlarged"),
    ("blur", _edited(_BLUR), "Gaussian blur, standard deviation 1 pixel"),
    ("median", _median, "median of 3 x 3 pixels"),
    ("bits5", partial(_fewer_bits, bits=5), "5 bits per channel"),
    ("bits4", partial(_fewer_bits, bits=4), "4 bits per channel"),
    ("gamma0.8", partial(_gamma, power=0.8), "brighter: values to the power 0.8"),
    ("gamma1.25", partial(_gamma, power=1.25), "darker: values to the power 1.25"),
    (
        "screenshot",
        _edited(_screenshot),
        "shown at 90 % (Lanczos), saved as JPEG 90, enlarged again",
    ),
    ("resize+jpeg75", _edited(_RESIZE, _jpeg(75)), "half the size and back, then JPEG 75"),
    ("blur+jpeg75", _edited(_BLUR, _jpeg(75)), "blurred, then JPEG 75"),
)

TRANSFORMS: Mapping[str, Transform] = {
    name: Transform(name=name, change=change, meaning=meaning)
    for name, change, meaning in _DECLARED
}
"""All of them, in the order they are reported."""

SETS: Mapping[str, tuple[str, ...]] = {
    "quick": ("jpeg75", "jpeg50", "resize", "blur"),
    "all": tuple(TRANSFORMS),
    "none": (),
}
"""Names for several at once."""


def transforms_named(names: Sequence[str]) -> tuple[Transform, ...]:
    """The transforms that names or sets of names mean, each once, in the order of `TRANSFORMS`.

    Raises:
        UsageError: a name that is neither, with the nearest one.

    Example:
        >>> [t.name for t in transforms_named(["quick", "flip"])]
        ['jpeg75', 'jpeg50', 'resize', 'flip', 'blur']
    """
    wanted: set[str] = set()
    for name in names:
        if name not in SETS and name not in TRANSFORMS:
            known = [*SETS, *TRANSFORMS]
            nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UsageError(
                f"there is no transform {name!r}; the nearest is {nearest!r}; "
                f"known are {', '.join(known)}"
            )
        wanted.update(SETS.get(name, (name,)))
    return tuple(t for name, t in TRANSFORMS.items() if name in wanted)
