"""Which protected file was made of which original."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from anamorph.app.shards.records import RUN
from anamorph.auditing.audit import PictureFigures
from anamorph.errors import UsageError
from anamorph.files import manifest
from anamorph.files.folders import Item, find

_SHOWN = 3  # names in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Originals with their protected files, and what is left alone."""

    items: tuple[Item, ...]
    """The original is `source`, the protected file `output`."""
    problems: tuple[PictureFigures, ...]
    """Pictures without a partner, and why."""
    models: Mapping[str, Any]
    """What the protected folder's manifest says was used; empty without one."""


def pairs(originals: Path, protected: Path, out: Path) -> Paired:
    """Pair the pictures of two folders, or two files.

    Where the protected folder's manifest tells what was made of a picture, that counts. Others are
    paired by their path inside the folder, then by that without the suffix, then by the file's name
    without the suffix, wherever that leaves no doubt.

    Args:
        originals: a folder or a file.
        protected: a folder or a file.
        out: where the reports go; not looked into.

    Raises:
        UsageError: a folder is missing, both are one, or nothing pairs.
        FileError: the manifest is damaged.
    """
    _check(originals, protected)
    sources = _pictures(originals, leave_out=(protected, out))
    files = _pictures(protected, leave_out=(originals, out))
    past = manifest.records_in(protected) if protected.is_dir() else None
    header, records = past or ({}, ())
    partner, failures = _told(records, sources, files)
    for key in _KEYS:
        _add_unique(partner, sources, files, key)
    if originals.is_file() and protected.is_file():
        partner = {originals: protected}
    if not partner:
        raise UsageError(
            f"no file in {protected} pairs with one in {originals}: "
            f"{_listed(files)} there, {_listed(sources)} here; protected files keep the names of "
            "their originals"
        )
    taken = set(partner.values())
    return Paired(
        items=tuple(Item(source=s, output=partner[s]) for s in sources if s in partner),
        problems=(
            *(_alone(s, protected, failures) for s in sources if s not in partner),
            *(_orphan(f, originals) for f in files if f not in taken),
        ),
        models=header.get("models") or _models_of_shards(protected),
    )


def _models_of_shards(protected: Path) -> Mapping[str, Any]:
    """What the manifest of a run in shards says was used; empty without one."""
    try:
        models: Mapping[str, Any] = json.loads((protected / RUN).read_bytes())["models"]
    except (OSError, ValueError, KeyError):
        return {}
    return models


def _check(originals: Path, protected: Path) -> None:
    for path, what in ((originals, "--originals"), (protected, "--protected")):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder; check {what}")
    if originals.samefile(protected):
        raise UsageError(f"{protected}: is both --originals and --protected; give two folders")


_Found: TypeAlias = dict[Path, Path]
"""Pictures, each with the folder it was found in; for a file named by itself, its own."""


def _pictures(top: Path, leave_out: Sequence[Path]) -> _Found:
    listing = find([top], leave_out[0], format="keep")
    inside = [path.resolve() for path in leave_out]
    hidden = [place for place in inside if place.is_relative_to(top.resolve())]
    folder = top if top.is_dir() else top.parent
    found = [*(i.source for i in listing.items), *(p.path for p in listing.problems)]
    return {
        path: folder
        for path in sorted(found)
        if not any(path.resolve().is_relative_to(place) for place in hidden)
    }


def _told(
    records: Iterable[Mapping[str, Any]], sources: _Found, files: _Found
) -> tuple[dict[Path, Path], dict[Path, str]]:
    """What the manifest says was made of each original, and why some have nothing."""
    here = {path.absolute(): path for path in sources}
    there = {path.absolute(): path for path in files}
    made: dict[Path, Path] = {}
    failures: dict[Path, str] = {}
    for record in records:
        source = here.get(Path(str(record.get("source"))).absolute())
        if source is None:
            continue
        output = there.get(Path(str(record.get("output"))).absolute())
        if record.get("status") == "failed":
            failures[source] = str(record.get("reason", ""))
        elif output is not None:
            made[source] = output
            failures.pop(source, None)
    return made, failures


_Key: TypeAlias = Callable[[Path, Path], str]
"""What two files of a pair have in common: made of a path and the folder it was found in."""

_KEYS: tuple[_Key, ...] = (
    lambda path, top: path.relative_to(top).as_posix(),
    lambda path, top: path.relative_to(top).with_suffix("").as_posix(),
    lambda path, _: path.stem,
)


def _add_unique(partner: dict[Path, Path], sources: _Found, files: _Found, key: _Key) -> None:
    """Pair what is left and has a key that nothing else has on its side."""
    taken = set(partner.values())
    left = _by_key({s: top for s, top in sources.items() if s not in partner}, key)
    right = _by_key({f: top for f, top in files.items() if f not in taken}, key)
    for name, candidates in left.items():
        rivals = right.get(name, [])
        if len(candidates) == len(rivals) == 1:
            partner[candidates[0]] = rivals[0]


def _by_key(found: Mapping[Path, Path], key: _Key) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = defaultdict(list)
    for path, top in found.items():
        groups[key(path, top)].append(path)
    return groups


def _alone(source: Path, protected: Path, failures: Mapping[Path, str]) -> PictureFigures:
    why = failures.get(source)
    reason = (
        f"was not protected: {why}"
        if why is not None
        else f"no file in {protected} pairs with it; protect it, or take it away"
    )
    return PictureFigures(source=str(source), output="", reason=reason)


def _orphan(file: Path, originals: Path) -> PictureFigures:
    reason = f"no file in {originals} pairs with it; add its original, or take it away"
    return PictureFigures(source="", output=str(file), reason=reason)


def _listed(paths: Iterable[Path]) -> str:
    names = [path.name for path in paths]
    if not names:
        return "no pictures"
    return ", ".join(names[:_SHOWN]) + (
        f" and {len(names) - _SHOWN} more" if names[_SHOWN:] else ""
    )
