"""Which pictures a command means, and where each of them will go."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from anamorph.errors import FileError, UsageError
from anamorph.files.encoding import Format

_READ = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib"}
)
_REFUSED = frozenset({".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2"})
"""Pictures we cannot read: reading them reports that, where skipping would leave them bare."""

SUFFIXES = _READ | _REFUSED
"""What counts as a picture inside a folder."""


Sources: TypeAlias = str | Path | Sequence[str | Path]
"""Files and folders, in any mixture; one alone needs no list."""


def each_of(sources: Sources) -> Sequence[str | Path]:
    """The sources one by one: a string is the path of one, not a sequence of letters.

    Example:
        >>> each_of("photos/a.jpg")
        ('photos/a.jpg',)
    """
    return (sources,) if isinstance(sources, str | Path) else sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A picture to work on, and the file that will hold the result."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A source that cannot be worked on, and why."""

    path: Path
    error: FileError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was found, in a fixed order."""

    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    ignored: int
    """Hidden entries and files that are no pictures, passed over inside folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What is only read, in a fixed order."""

    pictures: tuple[Path, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Ignored:
    path: Path


_Found = Item | Problem | _Ignored


def find(sources: Sources, out: Path, *, format: Format = "png") -> Listing:
    """Files and folders become pictures with the places where their results go.

    A file named by itself is always taken and goes straight into `out`. A folder is taken with
    all below it and keeps its tree; hidden entries and other files are passed over, and so is
    `out` where it lies inside, so that a second run does not take the first one's results.
    Pictures that would end as one file, also on a disk that ignores case, are all problems.

    Args:
        sources: files and folders, in any mixture.
        out: the folder for the results; it need not exist.
        format: gives the results their suffix; with `keep` they keep their names.

    Raises:
        UsageError: `out` is itself one of the sources.
    """
    paths = [Path(source) for source in each_of(sources)]
    for source in paths:
        if _same(source, out):
            raise UsageError(
                f"{out}: is both a source and --out, and originals are never written to; "
                "choose another --out"
            )
    found = [entry for source in paths for entry in _one(source, out, format)]
    good, clashing = _without_clashes(_once(found))
    ignored = sum(isinstance(entry, _Ignored) for entry in found)
    return Listing(items=good, problems=_problems(found) + clashing, ignored=ignored)


def gather(sources: Sources, out: Path) -> Gathered:
    """The pictures that `find` finds, to be read alone: any may be called like another.

    Args:
        sources: files and folders, in any mixture.
        out: a file or folder of results, passed over where it lies inside.
    """
    paths = [Path(source) for source in each_of(sources)]
    found = [entry for source in paths for entry in _one(source, out, "keep")]
    return Gathered(pictures=tuple(item.source for item in _once(found)), problems=_problems(found))


def _once(found: Sequence[_Found]) -> tuple[Item, ...]:
    """The pictures, each under its first name."""
    once: dict[Path, Item] = {}
    for entry in found:
        if isinstance(entry, Item):
            once.setdefault(_identity(entry.source), entry)
    return tuple(once.values())


def _problems(found: Sequence[_Found]) -> tuple[Problem, ...]:
    return tuple(entry for entry in found if isinstance(entry, Problem))


def _one(source: Path, out: Path, format: Format) -> Iterator[_Found]:
    try:
        is_folder, exists = source.is_dir(), source.exists()
    except OSError as error:
        yield _unreadable(source, error)
        return
    if is_folder:
        for entry in _tree(source, out):
            if isinstance(entry, Path):
                yield Item(source=entry, output=_place(entry.relative_to(source), out, format))
            else:
                yield entry
    elif exists:
        yield Item(source=source, output=_place(Path(source.name), out, format))
    else:
        missing = FileError(f"{source}: no such file or folder; check the path")
        yield Problem(path=source, error=missing)


def _tree(top: Path, out: Path) -> Iterator[Path | Problem | _Ignored]:
    """Everything below `top`; each real folder once, so that loops of links come to an end."""
    seen: set[tuple[int, int]] = set()
    folders, links = [top], list[Path]()
    while folders or links:
        # Real folders before links, so that a picture is found under its own name first.
        folder = folders.pop() if folders else links.pop(0)
        try:
            about = folder.stat()
            entries = [(entry, entry.is_dir()) for entry in sorted(folder.iterdir())]
        except OSError as error:
            yield _unreadable(folder, error)
            continue
        if (about.st_dev, about.st_ino) in seen or _same(folder, out):
            continue
        seen.add((about.st_dev, about.st_ino))
        below: list[Path] = []
        for entry, is_folder in entries:
            if entry.name.startswith("."):
                yield _Ignored(entry)
            elif is_folder:
                (links if entry.is_symlink() else below).append(entry)
            elif entry.suffix.lower() in SUFFIXES:
                yield entry
            else:
                yield _Ignored(entry)
        folders.extend(reversed(below))


def _place(relative: Path, out: Path, format: Format) -> Path:
    return out / (relative if format == "keep" else relative.with_suffix(f".{format}"))


def _without_clashes(
    items: tuple[Item, ...],
) -> tuple[tuple[Item, ...], tuple[Problem, ...]]:
    """Part the items that get a file of their own from those that do not."""
    takers: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        takers[_as_disks_see(item.output)].append(item)
    good, problems = [], []
    for item in items:
        rivals = [other for other in takers[_as_disks_see(item.output)] if other is not item]
        if rivals:
            names = ", ".join(str(other.source) for other in rivals)
            problems.append(_clash(item, f"would be written to one file with {names}"))
        elif _same(item.source, item.output):
            problems.append(_clash(item, "would be overwritten by its own result"))
        else:
            good.append(item)
    return tuple(good), tuple(problems)


def _clash(item: Item, what: str) -> Problem:
    error = FileError(
        f"{item.source}: {what} ({item.output}); rename it or choose another --out; `protect` has "
        "--format keep too"
    )
    return Problem(path=item.source, error=error)


def _unreadable(path: Path, error: OSError) -> Problem:
    reason = FileError(f"{path}: cannot be read: {error.strerror}; check its permissions")
    return Problem(path=path, error=reason)


def _as_disks_see(path: Path) -> str:
    """Equal for names that some file systems take for one: case, and how accents are composed."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _identity(path: Path) -> Path:
    """One name for one entry of a folder; a link to a picture is an entry of its own."""
    return path.parent.resolve() / path.name


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()
