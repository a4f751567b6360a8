"""Audits of pictures behind URLs: fetched first, and named by their URLs in every report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from anamorph.app.audit.writing import Report, check_formats, check_out, replace_reports
from anamorph.app.shards.records import RUN
from anamorph.errors import UsageError
from anamorph.files import manifest
from anamorph.files.folders import SUFFIXES
from anamorph.files.photo import Limits
from anamorph.files.remote import entries, fetch, is_url, url_of

T = TypeVar("T")

_AT_ONCE = 16  # transfers
_TOLD = (manifest.NAME, RUN)
"""What tells of a folder of results which models they were made for."""


def audit_anywhere(
    audit: Callable[..., T],
    originals: str | Path,
    protected: str | Path,
    out: str | Path,
    *,
    formats: Sequence[Report],
    limits: Limits,
    **how: Any,
) -> T:
    """What `audit` finds in pictures that may lie behind URLs.

    All of them are fetched before the audit begins, so audit a sample of a large archive.

    Args:
        audit: writes its reports and gives its result.
        originals: a folder or a picture, or the URL of one.
        protected: the same with the results.
        out: the folder for the reports, on this machine.
        formats: of the reports.
        limits: on bytes and pixels.
        how: passed on to `audit`.

    Raises:
        UsageError: nothing is there, or `out` is a URL.
        FileError: the storage cannot be reached.
    """
    if is_url(out):
        raise UsageError(f"{out}: reports are written on this machine; give a folder for --out")
    if not is_url(originals) and not is_url(protected):
        return audit(
            originals=originals, protected=protected, out=out, formats=formats, limits=limits, **how
        )
    check_formats(formats)
    place = Path(out)
    check_out(place)
    with _fetched({"originals": originals, "protected": protected}, limits) as (here, names):
        reports = here["originals"].parent / "report"
        result = audit(
            originals=here["originals"],
            protected=here["protected"],
            out=reports,
            formats=formats,
            limits=limits,
            **how,
        )
        names[str(reports)] = str(place)
        replace_reports(
            {path.name: _renamed(path.read_text("utf-8"), names) for path in reports.iterdir()},
            place,
        )
    told: T = _renamed(result, names)
    return told


@contextmanager
def _fetched(
    places: Mapping[str, str | Path], limits: Limits
) -> Iterator[tuple[dict[str, Path], dict[str, str]]]:
    """The places as paths, and by which names what was fetched is known; removed at the end."""
    with TemporaryDirectory(prefix="anamorph-audit-") as top:
        here: dict[str, Path] = {}
        names: dict[str, str] = {}
        for name, place in places.items():
            here[name] = Path(top) / name
            if is_url(place):
                _fetch(url_of(place), here[name], limits)
                names[str(here[name])] = url_of(place)
            else:
                here[name].symlink_to(Path(place).absolute())
                names[str(here[name])] = str(place)
        yield here, names


def _fetch(url: str, folder: Path, limits: Limits) -> None:
    """Bring pictures here; one that is too large becomes an empty file, which no audit can read."""

    def one(entry: Any) -> None:
        local = folder / entry.relative
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(fetch(entry.url) if entry.size <= limits.max_bytes else b"")

    wanted = [e for e in entries(url) if e.relative in _TOLD or _is_picture(e.relative)]
    folder.mkdir()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, wanted))


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The same value; local paths in its strings give way to the names they stand for."""
    if isinstance(value, str):
        for local, name in names.items():
            value = value.replace(local, name)
        return value
    if is_dataclass(value) and not isinstance(value, type):
        told = {f.name: _renamed(getattr(value, f.name), names) for f in fields(value)}
        return replace(value, **told)
    if isinstance(value, Mapping):
        return {key: _renamed(one, names) for key, one in value.items()}
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_renamed(one, names) for one in value)
    return value
