"""Pictures of an audit from disk, a batch at a time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from anamorph.app.images import as_images, room
from anamorph.app.labels import label_of
from anamorph.app.ledger import reason
from anamorph.auditing.audit import PictureFigures, Quality
from anamorph.auditing.views import Pair
from anamorph.errors import FileError
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, Photo, probe, read
from anamorph.metrics.image import largest_change, psnr, ssim


class Looks(NamedTuple):
    """How far a protected picture is from its original."""

    linf: float
    psnr: float | None
    ssim: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An original and its protected file, of one size, with the right class."""

    item: Item
    label: int | None
    size: tuple[int, int]
    """Height and width."""


@dataclass(slots=True, kw_only=True)
class Cases:
    """What an audit reads, and what came to light while reading it."""

    cases: list[Case] = field(default_factory=list)
    problems: list[PictureFigures] = field(default_factory=list)
    """Pictures that cannot be audited; decoding may add some."""
    looks: dict[int, Looks] = field(default_factory=dict)
    """By the index of a case; there is one for every picture that could be decoded."""


def cases(
    items: Sequence[Item], labels: Mapping[str, int] | None, classes: int, limits: Limits
) -> Cases:
    """The pictures that can be audited, as far as their headers tell.

    Args:
        items: originals with their protected files.
        labels: the right class of each; None without labels.
        classes: how many there are.
        limits: on bytes and pixels.
    """
    found = Cases()
    for item in items:
        try:
            label = None if labels is None else _label(item, labels, classes)
            found.cases.append(Case(item=item, label=label, size=_common_size(item, limits)))
        except FileError as error:
            found.problems.append(_problem(item, error))
    return found


def batches(found: Cases, limits: Limits) -> Iterator[tuple[Pair, ...]]:
    """The decoded pictures in batches of one size; what does not decode becomes a problem."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, case in enumerate(found.cases):
        groups.setdefault(case.size, []).append(index)
    for (height, width), members in groups.items():
        many = room(height, width)
        for first in range(0, len(members), many):
            pairs = (_pair(found, index, limits) for index in members[first : first + many])
            if batch := tuple(pair for pair in pairs if pair is not None):
                yield batch


def quality(found: Cases, lpips: Sequence[float] = ()) -> Quality:
    """How the protected pictures look, over all that were decoded."""
    looks = list(found.looks.values())
    psnrs = sorted(look.psnr for look in looks if look.psnr is not None)
    return Quality(
        psnr_median=_median(psnrs),
        ssim_median=_median(sorted(look.ssim for look in looks)),
        linf_max=max((look.linf for look in looks), default=None),
        n=len(looks),
        lpips_median=_median(sorted(lpips)),
    )


def _median(ordered: Sequence[float]) -> float | None:
    half = len(ordered) // 2
    if not ordered:
        return None
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _label(item: Item, labels: Mapping[str, int], classes: int) -> int:
    label = label_of(item.source, labels)
    if label is None:
        raise FileError(f"{item.source}: has no row in the labels; add one, or leave out --labels")
    if not 0 <= label < classes:
        raise FileError(
            f"{item.source}: its label is {label}, but the authorized model knows the classes 0 "
            f"to {classes - 1}; correct the labels"
        )
    return label


def _common_size(item: Item, limits: Limits) -> tuple[int, int]:
    before, after = probe(item.source, limits), probe(item.output, limits)
    if (before.height, before.width) != (after.height, after.width):
        raise FileError(
            f"{item.output}: {after.width} x {after.height} pixels, but its original "
            f"{before.width} x {before.height}; protect it again, at its own size"
        )
    return before.height, before.width


def _pair(found: Cases, index: int, limits: Limits) -> Pair | None:
    item = found.cases[index].item
    try:
        clean, protected = read(item.source, limits), read(item.output, limits)
        found.looks[index] = _looks(clean, protected)
    except (FileError, ValueError) as error:
        found.problems.append(_problem(item, error))
        return None
    return Pair(index=index, clean=clean.pixels, protected=protected.pixels, digest=clean.digest)


def _looks(clean: Photo, protected: Photo) -> Looks:
    x, x_star = as_images(clean.pixels), as_images(protected.pixels)
    channels = max(x.shape[1], x_star.shape[1])
    x, x_star = x.expand(-1, channels, -1, -1), x_star.expand(-1, channels, -1, -1)
    noise = psnr(x, x_star).item()
    return Looks(
        linf=largest_change(x, x_star).item(),
        psnr=noise if math.isfinite(noise) else None,
        ssim=ssim(x, x_star).item(),
    )


def _problem(item: Item, error: Exception) -> PictureFigures:
    return PictureFigures(
        source=str(item.source), output=str(item.output), reason=reason(item.source, error)
    )
