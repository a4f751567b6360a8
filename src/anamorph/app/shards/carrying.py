"""What a worker does with a shard: fetch its pictures, work on them, bring the results, record."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Protocol, TypeAlias

from anamorph.app.ledger import reason
from anamorph.app.shards.cutting import Shard
from anamorph.app.shards.placing import Owns, Placing
from anamorph.app.shards.records import Records, Row
from anamorph.batch.shards import Alive
from anamorph.errors import FileError
from anamorph.files.photo import Limits
from anamorph.files.remote import Entry, fetch

Use: TypeAlias = Callable[[Sequence[Path], Path, Alive], Sequence[Mapping[str, Any]]]
"""Works on the pictures in folders, puts results into another, and gives each one's record.

The folder of the results is called as the shard is; those with pictures are the worker's own.
"""

_AT_ONCE = 16  # transfers
_DESK = "anamorph-shard-"


class UseCase(Protocol):
    """What is done with every picture; it is sent to the workers."""

    @property
    def good(self) -> str:
        """The status of a picture that has a result."""
        ...

    @property
    def together(self) -> bool:
        """Whether the pictures of a shard share one result, and are done again together."""
        ...

    @property
    def limits(self) -> Limits:
        """On bytes and pixels."""
        ...

    def header(self) -> dict[str, Any]:
        """What is to be the same when the run is resumed.

        Raises:
            AnamorphError: what was asked for cannot be done.
        """
        ...

    def knowing(self, pictures: Sequence[tuple[int, Entry]]) -> "UseCase":
        """The same for pictures that were listed, each with the number of its source."""
        ...

    def prepared(self) -> Use:
        """Load the models."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A shard on its way to a worker."""

    shard: Shard
    carried: tuple[Row, ...] = ()
    """Records of its other pictures, which were done before and have not changed."""
    own: Owns = field(default_factory=dict)
    """Results that earlier runs made of its pictures."""
    whole: bool = True
    """Whether the worker is to record it; of a part of a shard only the records are wanted."""

    def parts(self, *, together: bool) -> "Iterator[Load]":
        """A load for every picture, as `Shard.parts`."""
        for part in self.shard.parts(together=together):
            yield Load(shard=part, own=self.own, whole=False)

    def recorded(self, rows: Sequence[Row]) -> list[Row]:
        """All its records; those of failures keep in mind which earlier results are theirs."""
        return [*self.carried, *map(self._mindful, rows)]

    def _mindful(self, row: Row) -> Row:
        own = self.own.get(row["source"])
        return {**row, "earlier": sorted(own)} if own and not row["output"] else row


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriers:
    """Makes what a worker does (a `batch.shards.Prepare`)."""

    use_case: UseCase
    out: str

    def __call__(self) -> "Carrier":
        """Load the models; what dead workers left on this machine's disk is taken away."""
        _sweep()
        return Carrier(
            use=self.use_case.prepared(),
            limits=self.use_case.limits,
            out=self.out,
            before=Records(out=self.out).before(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """What a worker does with one shard after the other (a `batch.shards.Work`)."""

    use: Use
    limits: Limits
    out: str
    """The URL of the folder of the results."""
    before: frozenset[str]
    """What lay there when the run began."""

    def __call__(self, load: Load, alive: Alive) -> tuple[Row, ...]:
        """The records of a shard's pictures, when all its results are in their places.

        Raises:
            NotWritten: the storage refuses.
            FileError: it cannot be reached.
        """
        with TemporaryDirectory(prefix=f"{_DESK}{os.getpid()}-") as folder:
            desk = _Desk(top=Path(folder), out=self.out, shard=load.shard.name)
            rows = list(desk.fetch(load.shard.entries, self.limits))
            alive()
            if desk.sources:
                rows += desk.told(self.use(desk.folders, desk.results, alive))
            rows += _untold(load.shard.entries, rows)
            alive()
            name, records = load.shard.name, Records(out=self.out)
            placing = Placing(records=records, shard=name, before=self.before, own=load.own)
            rows = load.recorded(placing.placed(rows, desk.content))
        if load.whole:
            records.finish(name, rows)
        return tuple(rows)


def _untold(entries: Sequence[tuple[int, Entry]], rows: Sequence[Row]) -> list[Row]:
    """Records of pictures that the use case passed over, so that none is lost without a word."""
    told = {row["source"] for row in rows}
    passed = (entry for _, entry in entries if entry.url not in told)
    return [failed_row(e, FileError(f"{e.url}: was passed over; rename it")) for e in passed]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """The folders a worker works in, and which URLs its files stand for."""

    top: Path
    out: str
    shard: str
    sources: dict[str, Entry] = field(default_factory=dict)
    """By the path of the local file."""

    @property
    def folders(self) -> list[Path]:
        """One for every source of the run that has pictures here."""
        return sorted(path for path in self.top.glob("source-*"))

    @property
    def results(self) -> Path:
        """For the results."""
        return self.top / self.shard

    def fetch(self, entries: Sequence[tuple[int, Entry]], limits: Limits) -> Iterator[Row]:
        """Bring the pictures here; the records of those that cannot be had."""

        def one(item: tuple[int, Entry]) -> Row | None:
            number, entry = item
            local = self.top / on_desk(number, entry)
            try:
                if entry.size > limits.max_bytes:
                    raise FileError(
                        f"{entry.url}: {entry.size:,} bytes, but at most {limits.max_bytes:,} are "
                        "read; make it smaller"
                    )
                content = fetch(entry.url)
                local.parent.mkdir(parents=True, exist_ok=True)
                local.write_bytes(content)
            except (FileError, OSError) as error:
                return failed_row(entry, error)
            self.sources[str(local)] = entry
            return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from filter(None, pool.map(one, entries))

    def told(self, records: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Records with URLs where there were local files."""
        return [
            {
                **record,
                **_origin(self.sources[record["source"]]),
                "output": record["output"] and self._url(record["output"]),
                "reason": self._in_urls(record["reason"]),
            }
            for record in records
        ]

    def content(self, output: str) -> bytes:
        """Of a result, by the URL where it is to go."""
        return (self.results / output.removeprefix(self.out + "/")).read_bytes()

    def _url(self, local: str) -> str:
        return f"{self.out}/{Path(local).relative_to(self.results).as_posix()}"

    def _in_urls(self, text: str) -> str:
        for local, entry in self.sources.items():
            text = text.replace(local, entry.url)
        return text.replace(str(self.results), self.out)


def on_desk(number: int, entry: Entry) -> str:
    """Where a worker has a picture of a source: what it knows of the URL."""
    return f"source-{number:06d}/{entry.relative}"


def _sweep() -> None:
    """Remove the folders of workers of this machine that died: they hold people's pictures."""
    for folder in Path(gettempdir()).glob(f"{_DESK}*-*"):
        owner = folder.name.removeprefix(_DESK).split("-")[0]
        if owner.isdigit() and not _runs(int(owner)):
            rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def failed_row(entry: Entry, error: Exception) -> Row:
    """The record of a picture that an error ended."""
    why = reason(entry.url, error)
    return {"status": "failed", "output": None, "reason": why, **_origin(entry)}


def _origin(entry: Entry) -> Row:
    return {"source": entry.url, "size": entry.size, "stamp": entry.stamp}
