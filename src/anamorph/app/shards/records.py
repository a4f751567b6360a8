"""The manifest of a run in shards: `manifest/run.json`, and a Parquet file for every shard.

A shard's file is written last, at once: a shard that has one is done. What lay in the folder of the
results when the run began is listed in `manifest/before.json`, and never replaced. Where results
go is claimed before they are written, in `manifest/SHARD.claims.json` until the run is over.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Any, TypeAlias

from anamorph.errors import FileError, MissingExtra, UsageError
from anamorph.files.manifest import check_same_run
from anamorph.files.remote import entries, exists, fetch, names, put, remove

Row: TypeAlias = dict[str, Any]
"""A picture's record, with the URL, `size` and `stamp` of its source as they were."""

_FOLDER = "manifest"
_RUN = "run.json"

RUN = f"{_FOLDER}/{_RUN}"
"""Below the folder of the results: what is the same for the whole run, as JSON."""

_BEFORE = "before.json"
_DONE = ".parquet"
_CLAIMS = ".claims.json"
_SCHEMA = "anamorph_shards"
_NEWEST = 1
_AT_ONCE = 32  # files of records that are read
_FREE_TO_DIFFER = frozenset({_SCHEMA, "created", "version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The manifest below the folder of the results."""

    out: str
    """The URL of that folder."""

    def begin(self, header: Mapping[str, Any], *, resume: bool) -> None:
        """Start a run, or go on with one that has the same header.

        Raises:
            UsageError: a run was started here and is not to be resumed, or was another one.
            FileError: the storage refuses.
        """
        place = self._place(_RUN)
        if not exists(place):
            before = entries(self.out) if exists(self.out) else ()
            told = [entry.relative for entry in before]
            put(self._place(_BEFORE), json.dumps(told).encode())
            put(place, json.dumps({_SCHEMA: _NEWEST, **header}, indent=1).encode())
            return
        if not resume:
            raise UsageError(
                f"{place}: exists, so a run was started here; add --resume or choose another --out"
            )
        old = _parsed(place, fetch(place), dict)
        new = json.loads(json.dumps(header))
        check_same_run(place, old, new, apart=_FREE_TO_DIFFER)

    def before(self) -> frozenset[str]:
        """What lay in the folder of the results when the run began."""
        place = self._place(_BEFORE)
        return frozenset(f"{self.out}/{name}" for name in _parsed(place, fetch(place), list))

    def done(self) -> frozenset[str]:
        """The names of finished shards."""
        found = names(self._place(""))
        return frozenset(n.removesuffix(_DONE) for n in found if n.endswith(_DONE))

    def rows(self, shard: str) -> tuple[Row, ...]:
        """The records of a finished shard.

        Raises:
            FileError: they cannot be read.
        """
        place = self._place(shard + _DONE)
        arrow = _pyarrow()
        try:
            table = arrow.parquet.read_table(BytesIO(fetch(place)), columns=["record"])
        except (arrow.ArrowInvalid, OSError) as error:
            raise FileError(f"{place}: is damaged; choose another --out") from error
        return tuple(json.loads(text) for text in table["record"].to_pylist())

    def finish(self, shard: str, rows: Sequence[Row]) -> None:
        """Record a shard; it is done then."""
        arrow = _pyarrow()
        columns = [arrow.field(name, getattr(arrow, kind)()) for name, kind in _COLUMNS.items()]
        content = [
            {**{name: _text(row.get(name)) for name in _COLUMNS}, "record": json.dumps(row)}
            for row in rows
        ]
        buffer = BytesIO()
        arrow.parquet.write_table(
            arrow.Table.from_pylist(content, schema=arrow.schema(columns)), buffer
        )
        put(self._place(shard + _DONE), buffer.getvalue())

    def claim(self, shard: str, claims: Collection[tuple[str, str]]) -> None:
        """Note pictures with the results that a shard is about to write."""
        put(self._place(shard + _CLAIMS), json.dumps(sorted(claims)).encode())

    def claimed(self, shard: str) -> frozenset[tuple[str, str]]:
        """What a worker that was stopped had claimed for a shard."""
        place = self._place(shard + _CLAIMS)
        if not exists(place):
            return frozenset()
        told = _parsed(place, fetch(place), list)
        return frozenset((source, output) for source, output in told)

    def claims(self) -> frozenset[tuple[str, str]]:
        """What was claimed in runs that were stopped."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return frozenset().union(*pool.map(self.claimed, self._claiming()))

    def release(self) -> None:
        """Take all claims away: everything is recorded."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(remove, (self._place(name + _CLAIMS) for name in self._claiming())))

    def _claiming(self) -> list[str]:
        found = names(self._place(""))
        return sorted(name.removesuffix(_CLAIMS) for name in found if name.endswith(_CLAIMS))

    def forget(self, shards: Collection[str]) -> None:
        """Take the records of shards away whose pictures are recorded in others now."""
        for shard in shards:
            remove(self._place(shard + _DONE))

    def every(self, shards: Collection[str]) -> Iterator[Row]:
        """The records of finished shards."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for rows in pool.map(self.rows, sorted(shards)):
                yield from rows

    def _place(self, name: str) -> str:
        return f"{self.out}/{_FOLDER}/{name}".rstrip("/")


_COLUMNS: Mapping[str, str] = {
    "source": "string",
    "output": "string",
    "status": "string",
    "reason": "string",
    "kept": "bool_",
    "seconds": "float64",
    "size": "int64",
    "stamp": "string",
    "output_sha256": "string",
    "record": "string",
}
"""Of the Parquet files; `record` is the whole of it as JSON."""


def _parsed(place: str, data: bytes, kind: type) -> Any:
    try:
        told = json.loads(data)
    except ValueError as error:
        raise FileError(f"{place}: is damaged: {error}; choose another --out") from error
    if not isinstance(told, kind):
        raise FileError(f"{place}: is damaged: holds no {kind.__name__}; choose another --out")
    return told


def _text(value: Any) -> Any:
    """The value; of a file name that is no text, what can be told (`record` holds all of it)."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="replace")
    return value


def _pyarrow() -> Any:
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise MissingExtra(
            "manifests of runs in shards are Parquet files, which need the library pyarrow; run "
            "`pip install 'anamorph[cloud]'`"
        ) from error
