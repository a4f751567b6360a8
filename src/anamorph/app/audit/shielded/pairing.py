"""Which record is of which picture, and who is shown: by names alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from anamorph.auditing.shielded.result import Missed
from anamorph.errors import UsageError
from anamorph.files.folders import find

_NAMED = 3


class Portrayed(NamedTuple):
    """A picture, and whom it shows."""

    path: Path
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """The pictures of a folder, in the order of their paths."""

    folder: Path
    pictures: tuple[Portrayed, ...]
    missed: tuple[Missed, ...]

    def by_name(self) -> Mapping[str, int]:
        """Numbers of the pictures by every name that means one of them alone.

        A row may be named by the path below the folder or by the file's name, each with or without
        its suffix.
        """
        found: dict[str, set[int]] = {}
        for number, (path, _) in enumerate(self.pictures):
            below = path.relative_to(self.folder) if path != self.folder else Path(path.name)
            for name in (below, below.with_suffix(""), Path(below.name), Path(below.stem)):
                found.setdefault(name.as_posix(), set()).add(number)
        return {name: numbers.pop() for name, numbers in found.items() if len(numbers) == 1}


def album_of(folder: Path, option: str) -> Album:
    """The pictures of a folder; people are the folders in it, or else each picture is somebody.

    Args:
        folder: pictures by themselves, named like their person, or in a folder for each person.
        option: what the folder was given as, for messages.

    Raises:
        UsageError: no such folder, or no pictures in it.
    """
    listing = find([folder], folder / ".nowhere", format="keep")
    pictures = tuple(
        Portrayed(path, _person(path, folder))
        for path in sorted(item.source for item in listing.items)
    )
    missed = tuple(
        Missed(picture=str(problem.path), reason=str(problem.error)) for problem in listing.problems
    )
    if not pictures:
        why = f": {missed[0].reason}" if missed else ""
        raise UsageError(f"{folder}: no pictures there; check {option}{why}")
    return Album(folder=folder, pictures=pictures, missed=missed)


def numbers(people: Iterable[str], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """A number for each person, those that have one already first.

    Example:
        >>> numbers(["b", "a", "b"], {"a": 0})
        {'a': 0, 'b': 1}
    """
    given = dict(known or {})
    for person in people:
        given.setdefault(person, len(given))
    return given


def some(names: Sequence[object]) -> str:
    """The first of some names.

    Example:
        >>> some(["a", "b", "c", "d"])
        'a, b, c, ...'
    """
    return ", ".join(map(str, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")


def _person(path: Path, folder: Path) -> str:
    below = path.relative_to(folder) if path != folder else Path(path.name)
    return below.parent.as_posix() if len(below.parts) > 1 else below.stem
