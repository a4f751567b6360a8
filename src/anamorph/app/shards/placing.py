"""Puts results in their places: nothing is replaced but what a run made of the same picture before.

Two pictures of different shards can have results of one name: hidden pictures hold the names of
what they reveal. Before a worker writes, it claims the places, so that after a kill the next one
knows which files are its pictures' own.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from anamorph.app.shards.records import Records, Row
from anamorph.errors import FileError
from anamorph.files.remote import create, exists, fetch, put

Owns: TypeAlias = Mapping[str, frozenset[str]]
"""By the URLs of pictures, those of results that they may replace."""

_AT_ONCE = 16  # transfers


def owned(
    rows: Iterable[Row], claims: Collection[tuple[str, str]], *, together: bool = False
) -> Owns:
    """Whose each result is, by records and claims; what two pictures share is nobody's.

    Args:
        rows: the records of earlier runs.
        claims: pictures with results that may have been written before a run was stopped.
        together: whether pictures share results on purpose.
    """
    recorded = {(row["source"], output) for row in rows for output in _of(row)}
    known = {output for _, output in recorded}
    pairs = recorded | {claim for claim in claims if claim[1] not in known}
    takers = Counter(output for _, output in pairs)
    own: dict[str, frozenset[str]] = {}
    for source, output in pairs:
        if together or takers[output] == 1:
            own[source] = own.get(source, frozenset()) | {output}
    return own


def failed_place(row: Row, why: str) -> Row:
    """The record of a picture whose result has no place."""
    nothing = {"output": None, "output_sha256": None, "kept": None, "also_kept": None}
    return {**row, **nothing, "status": "failed", "reason": why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Brings the results of a shard."""

    records: Records
    shard: str
    before: frozenset[str]
    """What lay in the folder of the results when the run began."""
    own: Owns

    def placed(self, rows: Sequence[Row], content: Callable[[str], bytes]) -> list[Row]:
        """The records, after the results were brought to their places.

        Args:
            rows: the records, with the URLs of the results.
            content: of a result.

        Raises:
            NotWritten: the storage refuses.
            FileError: it cannot be reached.
        """
        makers: dict[str, list[str]] = {}
        for row in rows:
            if row["output"]:
                makers.setdefault(row["output"], []).append(row["source"])
        if not makers:
            return list(rows)
        earlier = self.records.claimed(self.shard)
        mine = {
            output
            for output, sources in makers.items()
            if any(output in self.own.get(s, ()) or (s, output) in earlier for s in sources)
        }

        def refusal(output: str) -> str:
            if output in self.before and exists(output):
                return (
                    f"{output}: exists, and this run did not write it; remove it or choose "
                    "another --out"
                )
            free = output in mine or not exists(output) or _holds(output, content(output))
            return "" if free else _taken(output)

        def bring(output: str) -> str:
            data = content(output)
            if output in mine:
                put(output, data)
            elif not create(output, data) and not _holds(output, data):
                return _taken(output)
            return ""

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            refused = dict(zip(makers, pool.map(refusal, makers), strict=True))
            free = [output for output, why in refused.items() if not why]
            claims = {(source, output) for output in free for source in makers[output]}
            self.records.claim(self.shard, earlier | claims)
            refused |= zip(free, pool.map(bring, free), strict=True)
        return [
            failed_place(row, why) if (why := refused.get(row["output"], "")) else row
            for row in rows
        ]


def _of(row: Row) -> Collection[str]:
    """A picture's result, or after a failure those of before."""
    return [row["output"]] if row["output"] else row.get("earlier", ())


def _holds(output: str, data: bytes) -> bool:
    try:
        return fetch(output) == data
    except FileError:  # a folder, or a link to nowhere
        return False


def _taken(output: str) -> str:
    return (
        f"{output}: exists, and another picture's result is in it, or that of one that is gone; "
        "rename or remove it, or choose another --out for this picture"
    )
