"""Counts what becomes of the pictures of a run in shards, and finds results that were replaced."""

from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple

from anamorph.app.shards.cutting import Shard
from anamorph.app.shards.placing import failed_place
from anamorph.app.shards.records import Records, Row
from anamorph.errors import FileError
from anamorph.files.remote import fetch

FAILURES = 1000
"""Failed pictures that a report names; the manifest names all."""


class _Maker(NamedTuple):
    """Whose a result is."""

    source: str
    status: str
    digest: str | None


class Tally:
    """Counts what becomes of pictures."""

    def __init__(self, good: str, done: Callable[[str, str], None] | None) -> None:
        self.good, self._done = good, done
        self.counts = Counter[str]()
        self.right = self.judged = 0
        self.also_right, self.also_judged = Counter[str](), Counter[str]()
        """Of each further authorized model."""
        self.failures: list[tuple[str, str]] = []
        self.outputs: dict[str, _Maker] = {}
        self.lost: dict[str, str] = {}
        """Pictures that were recorded as good and are not, each with the reason."""

    def add(self, row: Row, *, before: bool = False) -> None:
        """A picture is done, or was done in an earlier run."""
        status = "skipped" if before and row["status"] == self.good else row["status"]
        if row["output"]:
            new = _Maker(row["source"], status, row.get("output_sha256"))
            first = self.outputs.setdefault(row["output"], new)
            if first.digest != new.digest:
                row = self._clash(row, first)
                status = "failed"
        self.counts[status] += 1
        if row.get("kept") is not None:
            self.judged += 1
            self.right += bool(row["kept"])
        for name, right in (row.get("also_kept") or {}).items():
            self.also_judged[name] += 1
            self.also_right[name] += bool(right)
        if status == "failed":
            self._note(row["source"], row["reason"])
        if self._done is not None:
            self._done(status, row["reason"] if status == "failed" else "")

    def amend(self, records: Records, shards: Sequence[Shard]) -> None:
        """Record what was lost, so that it is tried again when the run is resumed."""
        for shard in shards:
            if self.lost.keys() & {entry.url for _, entry in shard.entries}:
                rows = records.rows(shard.name)
                told = [(row, self.lost.get(row["source"], "")) for row in rows]
                records.finish(
                    shard.name, [failed_place(row, why) if why else row for row, why in told]
                )

    def _clash(self, row: Row, first: _Maker) -> Row:
        """The failure of a picture whose result went where another's is: workers can race."""
        source, output = row["source"], row["output"]
        self.lost[source] = _rivals(source, first.source, output)
        if first.source not in self.lost and _digest(output) != first.digest:
            self.lost[first.source] = _rivals(first.source, source, output)
            self.counts[first.status] -= 1
            self.counts["failed"] += 1
            self._note(first.source, self.lost[first.source])
        return failed_place(row, self.lost[source])

    def _note(self, source: str, why: str) -> None:
        if len(self.failures) < FAILURES:
            self.failures.append((source, why))


def _rivals(source: str, other: str, output: str) -> str:
    return (
        f"{source}: its result and that of {other} were written to one file ({output}); rename "
        "one, or choose another --out for it"
    )


def _digest(output: str) -> str | None:
    try:
        return sha256(fetch(output)).hexdigest()
    except FileError:
        return None
