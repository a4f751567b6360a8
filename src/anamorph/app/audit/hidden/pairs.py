"""Which hidden file hides which original, and what the files say of themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anamorph.app.audit.pairs import Paired, pairs
from anamorph.app.hide.revealing import Beside
from anamorph.auditing.hidden.figures import HiddenPicture
from anamorph.errors import FileError, UsageError
from anamorph.files import lowbits, manifest, sealed_header
from anamorph.files.notice import Notice, notice_in
from anamorph.files.photo import Limits, Photo, content, decode

_SHOWN = 3  # names in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPair:
    """An original and the file that hides it."""

    source: Path
    output: Path
    notice: Notice
    """What the hidden file, or the manifest beside it, says it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPairs:
    """Originals with their hidden files, and what is left alone."""

    pairs: tuple[HiddenPair, ...]
    problems: tuple[HiddenPicture, ...]
    models: Mapping[str, Any]
    """What the hidden folder's manifest says was used; empty without one."""


def hidden_pairs(
    originals: Path, hidden: Path, out: Path, limits: Limits, beside: Beside
) -> HiddenPairs:
    """Pair the pictures of two folders, as the manifest says, else by their names.

    Args:
        originals: a folder or a file.
        hidden: a folder or a file.
        out: where the reports go; not looked into.
        limits: on bytes and pixels.
        beside: what manifests say of a hidden file.

    Raises:
        UsageError: a folder is missing, both are one, or nothing pairs.
        FileError: the manifest is damaged.
    """
    for path, what in ((originals, "--originals"), (hidden, "--hidden")):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder; check {what}")
    if originals.samefile(hidden):
        raise UsageError(f"{hidden}: is both --originals and --hidden; give two folders")
    past = manifest.records_in(hidden) if hidden.is_dir() else None
    paired = _paired(originals, hidden, out)
    found, problems = [], list(_alone(paired, hidden, past[1] if past else ()))
    for item in paired.items:
        try:
            notice = notice_of(item.output, limits, beside)
        except FileError as error:
            problems.append(problem(item.source, item.output, str(error)))
        else:
            found.append(HiddenPair(source=item.source, output=item.output, notice=notice))
    return HiddenPairs(pairs=tuple(found), problems=tuple(problems), models=paired.models)


def notice_of(path: Path, limits: Limits, beside: Beside) -> Notice:
    """What a hidden file is: from its pixels, its comment, or the manifest beside it.

    Raises:
        FileError: it cannot be read, or nothing says that it is a hidden picture.
    """
    data = content(path, limits)
    photo = decode(data, str(path), limits)
    notice = _in_pixels(photo) or notice_in(data, str(path)) or beside(path)
    if notice is None:
        raise FileError(
            f"{path}: is no hidden picture, or was recompressed, resized or edited since; get the "
            "file as `hide` wrote it, and its manifest.jsonl beside it"
        )
    return notice


def problem(source: Path | str, output: Path | str, reason: str) -> HiddenPicture:
    """The record of a picture that could not be audited."""
    return HiddenPicture(source=str(source), output=str(output), reason=reason)


def _in_pixels(photo: Photo) -> Notice | None:
    if photo.pixels.dtype != np.uint8 or photo.pixels.shape[2] != 3:
        return None
    header = sealed_header.load(lowbits.header_in(photo.pixels), photo.name)
    if header is None:
        return None
    return Notice(
        kind="sealed",
        height=header.height,
        width=header.width,
        fingerprint=header.fingerprint,
        model=header.model,
    )


def _paired(originals: Path, hidden: Path, out: Path) -> Paired:
    try:
        return pairs(originals, hidden, out)
    except UsageError as error:
        raise UsageError(
            f"no file in {hidden} pairs with one in {originals}: {_names(hidden)} there, "
            f"{_names(originals)} here; hidden files keep the names of their originals, and "
            "manifest.jsonl beside them tells"
        ) from error


def _alone(
    paired: Paired, hidden: Path, records: Iterable[Mapping[str, Any]]
) -> Iterable[HiddenPicture]:
    """Pictures without a partner, and why."""
    failed = {
        Path(str(record.get("source"))).absolute(): str(record.get("reason", ""))
        for record in records
        if record.get("status") == "failed"
    }
    for left in paired.problems:
        why = failed.get(Path(left.source).absolute()) if left.source else None
        if not left.source:
            reason = left.reason
        elif why is not None:
            reason = f"was not hidden: {why}"
        else:
            reason = f"no file in {hidden} pairs with it; hide it, or take it away"
        yield problem(left.source, left.output, reason)


def _names(path: Path) -> str:
    if path.is_file():
        return path.name
    names = sorted(p.name for p in path.iterdir() if p.is_file() and p.suffix != ".jsonl")
    if not names:
        return "no pictures"
    return ", ".join(names[:_SHOWN]) + (
        f" and {len(names) - _SHOWN} more" if names[_SHOWN:] else ""
    )
