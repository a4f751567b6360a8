"""One hidden picture: what it says of itself, what happened to it, what the key makes of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias

import numpy as np
import torch

from anamorph.app.hide.networking import network_of, reveal_with
from anamorph.app.hide.permuting import finish, is_picture, restore
from anamorph.app.hide.sealing import unseal
from anamorph.errors import AnamorphError, FileError, WrongKey
from anamorph.files import lowbits, png, sealed_header
from anamorph.files import notice as notices
from anamorph.files.lowbits import Fit
from anamorph.files.manifest import records_in
from anamorph.files.notice import Notice, notice_in
from anamorph.files.photo import Limits, Photo, content, decode
from anamorph.files.sealed_header import SealedHeader
from anamorph.keys.key import Key, Kind
from anamorph.methods.denoising import noise_level
from anamorph.methods.permuted import LARGEST_NOISE
from anamorph.models.device import CPU
from anamorph.types import Images

_AS_WRITTEN = "get the file as `hide` wrote it"
_SPOILED = (
    "changed so much since it was hidden (strong recompression, or a JPEG with reduced color) that "
    "little of it comes back"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """What was hidden."""

    data: bytes
    """A picture file."""
    name: str | None
    """Where it lay in its tree, with `/`; None where the hidden picture does not say."""
    exact: bool
    """Whether this is the original file bit for bit."""
    model: str
    """The first 32 hex digits of the digest of the service model it was hidden for."""
    hidden: Photo
    remark: str = ""
    """What happened to the file since, if it survived that."""


Beside: TypeAlias = Callable[[Path], Notice | None]
"""What the manifest beside a hidden picture says of it."""


def reveal_picture(
    path: Path, key: Key, limits: Limits, beside: Beside, device: torch.device = CPU
) -> Revealed:
    """What the key finds in the file; a network key computes on the device.

    Raises:
        WrongKey: it was hidden with another key, or changed since.
        FileError: it cannot be read, is no hidden picture, or is not any more, as far as it can be
            known what happened to it.
    """
    data = content(path, limits)
    photo = decode(data, str(path), limits)
    raw = lowbits.header_in(photo.pixels) if _can_be_sealed(photo) else b""
    header = sealed_header.load(raw, photo.name)
    if header is not None:
        return _sealed(photo, header, key)
    if sealed_header.begins(raw):
        raise FileError(
            f"{path}: was changed since it was hidden (its header is damaged: cropped, or edited); "
            f"{_AS_WRITTEN}"
        )
    notice = notice_in(data, photo.name) or beside(path)
    if notice is None:
        raise FileError(
            f"{path}: is no hidden picture, or was recompressed, resized or edited since; "
            f"{_AS_WRITTEN}, and its manifest.jsonl beside it"
        )
    if notice.kind == "sealed":
        raise FileError(
            f"{path}: cannot be revealed: {_what_happened(photo, notice)}, and a sealed picture "
            f"survives lossless storage only; {_AS_WRITTEN}"
        )
    if notice.kind == "network":
        return _network(photo, notice, key, device)
    return _permuted(photo, notice, key)


def safe_name(name: str) -> PurePosixPath:
    """A name from a hidden picture, as a path that stays below the folder it is put in.

    Raises:
        FileError: it would leave the folder.
    """
    path = PurePosixPath(name)
    parts = path.parts
    safe = parts and not path.is_absolute() and ".." not in parts and "\0" not in name
    if not safe or PureWindowsPath(name).drive or PureWindowsPath(name).root:
        raise FileError(f"{name!r}: is no name for a file below --out; it was not written")
    return path


def manifests() -> Beside:
    """Looks hidden pictures up in the manifests above them; each manifest is read once."""
    read: dict[Path, Mapping[str, Notice]] = {}

    def beside(path: Path) -> Notice | None:
        place = path.absolute()
        for folder in place.parents:
            if folder not in read:
                read[folder] = dict(_noted(folder))
            name = place.relative_to(folder).with_suffix("").as_posix()
            if name in read[folder]:
                return read[folder][name]
        return None

    return beside


def _noted(folder: Path) -> Iterator[tuple[str, Notice]]:
    """The hidden pictures of the manifest in a folder, by name without suffix."""
    with suppress(AnamorphError):  # a second chance only: without it the file speaks for itself
        found = records_in(folder)
        for record in found[1] if found else ():
            comment, name = record.get("notice"), record.get("name")
            if isinstance(comment, str) and isinstance(name, str) and PurePosixPath(name).name:
                notice = notices.load(comment, str(folder))
                if notice is not None:
                    yield PurePosixPath(name).with_suffix("").as_posix(), notice


def _can_be_sealed(photo: Photo) -> bool:
    return photo.pixels.dtype == np.uint8 and photo.pixels.shape[2] == 3


def _sealed(photo: Photo, header: SealedHeader, key: Key) -> Revealed:
    _check_key(photo.name, "sealed", header.fingerprint, key)
    fit = Fit(height=header.height, width=header.width, bits=header.bits)
    if photo.pixels.shape[:2] != (fit.height, fit.width) or header.size > lowbits.capacity(fit):
        raise FileError(
            f"{photo.name}: is {_size(photo)}, but was hidden as {fit.width} x {fit.height}: it "
            f"was cropped or edited since; {_AS_WRITTEN}"
        )
    try:
        inside = unseal(photo.pixels, header, key)
    except WrongKey as error:
        raise WrongKey(
            f"{photo.name}: was changed since it was hidden: it is marked with this key, but its "
            f"seal is broken; {_AS_WRITTEN}"
        ) from error
    return Revealed(
        data=inside.data, name=inside.name, exact=True, model=header.model, hidden=photo
    )


def _permuted(photo: Photo, notice: Notice, key: Key) -> Revealed:
    _check_key(photo.name, "permuted", notice.fingerprint, key)
    _check_size(photo, notice)
    restored = restore(photo.pixels, key, notice.nonce)
    if not is_picture(restored):
        raise WrongKey(
            f"{photo.name}: does not turn back into a picture: it was edited since it was hidden, "
            f"or its comment was; {_AS_WRITTEN}"
        )
    own = finish(restored, key, notice.nonce, notice.levels)
    spoiled = noise_level(restored).item() > LARGEST_NOISE
    return _small_copy(photo, notice, own, _SPOILED if spoiled else "")


def _network(photo: Photo, notice: Notice, key: Key, device: torch.device) -> Revealed:
    _check_key(photo.name, "network", notice.fingerprint, key)
    _check_size(photo, notice)
    return _small_copy(photo, notice, reveal_with(network_of(key, device), photo.pixels))


def _check_size(photo: Photo, notice: Notice) -> None:
    same_size = photo.pixels.shape[:2] == (notice.height, notice.width)
    if not same_size or not _can_be_sealed(photo):
        raise FileError(
            f"{photo.name}: cannot be revealed: {_what_happened(photo, notice)}; {_AS_WRITTEN}"
        )


def _small_copy(photo: Photo, notice: Notice, revealed: Images, remark: str = "") -> Revealed:
    """What comes back where the original file does not: a PNG of what the service model read."""
    levels = revealed[0].permute(1, 2, 0).mul(255).round().clamp(0, 255)
    return Revealed(
        data=png.encode(levels.numpy().astype(np.uint8), photo.name, icc=b"", exif=b"", xmp=b""),
        name=None,
        exact=False,
        model=notice.model,
        hidden=photo,
        remark=remark or ("recompressed since it was hidden" if photo.format != "png" else ""),
    )


def _check_key(name: str, kind: Kind, fingerprint: str, key: Key) -> None:
    if (key.kind, key.fingerprint) == (kind, fingerprint):
        return
    raise WrongKey(
        f"{name}: was hidden with the {kind} key {fingerprint}, but this is the {key.kind} key "
        f"{key.fingerprint}; use the key it was hidden with"
    )


def _what_happened(photo: Photo, notice: Notice) -> str:
    if photo.pixels.shape[:2] != (notice.height, notice.width):
        return (
            f"it is {_size(photo)}, but was hidden as {notice.width} x {notice.height}: it was "
            "resized or cropped"
        )
    if photo.format == "png":
        return "its values were changed (edited, or recompressed on the way)"
    return f"it was recompressed as {photo.format.upper()}"


def _size(photo: Photo) -> str:
    height, width = photo.pixels.shape[:2]
    return f"{width} x {height}"
