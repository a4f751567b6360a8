"""What people see: tables, progress with the time left, and JSON for machines."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from anamorph.errors import NotWritten
from anamorph.files.write import write_whole, writing

if TYPE_CHECKING:
    from anamorph.optimize.engine import Progress as Steps


class Told(Protocol):
    """What is told of a picture that is ready."""

    @property
    def status(self) -> str:
        """What became of it; `failed` is told at once."""
        ...

    @property
    def reason(self) -> str:
        """Why it failed."""
        ...

    @property
    def steps(self) -> int:
        """Steps taken."""
        ...


class Bar:
    """Progress on standard error: pictures done, steps taken, time left."""

    def __init__(self, what: str, steps: int) -> None:
        self._steps = steps
        screen = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[pictures]} pictures"),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None, pictures=0)
        self._pictures = 0

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def expect(self, pictures: int) -> None:
        """How many pictures there are."""
        self._bar.update(self._task, total=pictures * self._steps)

    def watch(self, progress: "Steps") -> None:
        """A step was taken by every picture in the batch."""
        self._bar.advance(self._task, len(progress.sample))

    def done(self, record: Told) -> None:
        """A picture is ready; one that needed no steps counts as if it had taken them."""
        self._pictures += 1
        missing = max(self._steps - record.steps, 0)
        self._bar.update(self._task, advance=missing, pictures=self._pictures)
        if record.status == "failed":
            line = Text.assemble(("failed", "red"), " ", record.reason)
            self._bar.console.print(line, soft_wrap=True)


class Counter:
    """Progress on standard error over a known number of things."""

    def __init__(self, what: str) -> None:
        screen = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> "Counter":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def expect(self, total: int) -> None:
        """How many things there are."""
        self._bar.update(self._task, total=total)

    def advance(self, _: object) -> None:
        """One more is done."""
        self._bar.advance(self._task)

    def advance_by(self, count: int) -> None:
        """Some more are done."""
        self._bar.advance(self._task, count)

    def say(self, line: Text) -> None:
        """A line above the progress."""
        self._bar.console.print(line, soft_wrap=True)


def console(json_: str | None) -> Console:
    """Where tables go: standard output, unless JSON goes there."""
    return Console(stderr=json_ == "-", highlight=False, markup=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; text from files is never taken for markup."""
    out = Table(title=title, title_justify="left")
    for column in columns:
        out.add_column(column, overflow="fold")
    for row in rows:
        out.add_row(*(Text(str(cell)) for cell in row))
    return out


def number(values: Iterable[float | None], of: Callable[[list[float]], float] = median) -> str:
    """One figure over the values there are."""
    known = [v for v in values if v is not None]
    return f"{of(known):.4g}" if known else "-"


def check_json(file: str | None) -> None:
    """Refuse a place for JSON that does not exist, before the work rather than after it.

    Raises:
        NotWritten: there is no such folder.
    """
    if file not in (None, "-") and not Path(file).absolute().parent.is_dir():
        raise NotWritten(f"{file}: the JSON cannot be written: its folder does not exist; make it")


def write_json(file: str | None, content: dict[str, Any]) -> None:
    """Write JSON to a file or, for `-`, to standard output.

    Raises:
        NotWritten: the disk refuses.
    """
    if file is None:
        return
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    if file == "-":
        sys.stdout.write(text)
        return
    place = Path(file)
    if place.exists() and not place.is_file():  # a pipe, which nothing can take the place of
        with writing(place):
            place.write_text(text, encoding="utf-8")
    else:
        write_whole(place, text.encode(), overwrite=True)
