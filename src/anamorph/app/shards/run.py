"""A run over pictures anywhere, on any engine: cut, worked on, tried again, resumed."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anamorph import __version__
from anamorph.app.shards.carrying import Carriers, Load, UseCase, failed_row
from anamorph.app.shards.cutting import PICTURES, Shard, cut
from anamorph.app.shards.placing import Owns, owned
from anamorph.app.shards.records import Records, Row
from anamorph.app.shards.tally import Tally
from anamorph.batch.shards import Died, Engine
from anamorph.errors import BadKey, FileError, ModelError, NotWritten, UsageError
from anamorph.files.folders import SUFFIXES, Sources, each_of
from anamorph.files.remote import Entry, entries, remove, url_of

_ENDS = (NotWritten, ModelError, BadKey)
"""Errors that are no picture's: they end the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardsReport:
    """What a run in shards did; every picture's record is in its manifest."""

    header: Mapping[str, Any]
    counts: Mapping[str, int]
    """Pictures by what became of them; `skipped` were done in an earlier run."""
    kept: tuple[int, int]
    """Readings kept, of those that were judged."""
    also_kept: Mapping[str, tuple[int, int]]
    """The same of each further authorized model."""
    failures: tuple[tuple[str, str], ...]
    """The first failed pictures, each with its reason."""
    shards: int
    seconds: float
    out: str

    @property
    def ok(self) -> bool:
        """Whether no picture failed."""
        return not self.counts.get("failed")

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json` for runs in shards."""
        right, judged = self.kept
        return {
            **self.header,
            "anamorph": __version__,
            "out": self.out,
            "manifest": f"{self.out}/manifest",
            "summary": {
                "images": sum(self.counts.values()),
                **dict(sorted(self.counts.items())),
                "kept": right / judged if judged else None,
                "also_kept": {name: n / of for name, (n, of) in self.also_kept.items()},
                "shards": self.shards,
                "seconds": round(self.seconds, 3),
            },
            "failed": [{"source": source, "reason": why} for source, why in self.failures],
        }


def run(
    sources: Sources,
    out: str | Path,
    use_case: UseCase,
    engine: Engine,
    *,
    pictures: int = PICTURES,
    resume: bool = False,
    found: Callable[[int], None] | None = None,
    done: Callable[[str, str], None] | None = None,
) -> ShardsReport:
    """Work on all pictures below paths and URLs; the results go to a path or URL.

    A worker that dies, or is silent for too long, costs its shard one more try; if that fails too,
    the shard's pictures are tried one by one, and the guilty ones are recorded as failed.

    Args:
        sources: pictures and folders of them.
        out: the folder for the results and their manifest.
        use_case: what is done with every picture.
        engine: where workers work.
        pictures: in a shard, on average.
        resume: go on with a run that was stopped: finished shards stay, and of others the
            pictures that have not changed.
        found: called once with the number of pictures.
        done: called with each picture's status, and the reason if it failed.

    Raises:
        UsageError: what was asked for cannot be done.
        ModelError: a model cannot be loaded.
        FileError: a source is not there, or the storage cannot be reached.
        NotWritten: the storage refuses.
    """
    began = time.perf_counter()
    if pictures < 1:
        raise UsageError(f"{pictures} pictures in a shard; give 1 or more")
    place = url_of(out)
    header = use_case.header()
    listed = _listed([url_of(source) for source in each_of(sources)], place)
    if found is not None:
        found(len(listed))
    records = Records(out=place)
    stamp = {"version": __version__, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    records.begin({**stamp, **header}, resume=resume)
    tally = Tally(good=use_case.good, done=done)
    shards = cut(listed, pictures)
    past = _past(records, {shard.name for shard in shards}, together=use_case.together)
    loads = list(_left(shards, past, tally, together=use_case.together))
    prepare = Carriers(use_case=use_case.knowing(listed), out=place)
    for row in _worked(engine, prepare, loads, records):
        tally.add(row)
    if use_case.together:
        claimed = {output for _, output in records.claims()}  # also by workers that died
        for output in ((past.there & past.outputs) | claimed) - tally.outputs.keys():
            remove(output)
    tally.amend(records, shards)
    records.forget(past.old)
    records.release()
    return ShardsReport(
        header=header,
        counts=dict(+tally.counts),
        kept=(tally.right, tally.judged),
        also_kept={n: (tally.also_right[n], of) for n, of in tally.also_judged.items()},
        failures=tuple(tally.failures),
        shards=len(shards),
        seconds=time.perf_counter() - began,
        out=place,
    )


def _listed(sources: Sequence[str], out: str) -> list[tuple[int, Entry]]:
    """The pictures below the sources; what lies in the folder of the results is passed over."""
    found: dict[str, tuple[int, Entry]] = {}
    for number, source in enumerate(sources):
        if source == out:
            raise UsageError(
                f"{out}: is both a source and --out, and originals are never written to; choose "
                "another --out"
            )
        for entry in entries(source, without=out):
            if Path(entry.relative).suffix.lower() in SUFFIXES:
                found.setdefault(entry.url, (number, entry))
    if not found:
        raise UsageError(f"no pictures in {', '.join(sources)}")
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What earlier runs left."""

    done: frozenset[str]
    """Finished shards of those that there are now."""
    old: frozenset[str]
    """Finished shards that others take the place of."""
    rows: Mapping[str, Row]
    """The records by the pictures' URLs."""
    there: frozenset[str]
    """The files in the folder of the results."""
    own: Owns
    """Which of them are whose."""

    @property
    def outputs(self) -> frozenset[str]:
        """The results that were recorded."""
        return frozenset[str]().union(*self.own.values())


def _past(records: Records, shards: Collection[str], *, together: bool) -> _Past:
    done = records.done()
    old, present = done - set(shards), done & set(shards)
    rows = [*records.every(old), *records.every(present)]
    by_source = {row["source"]: row for row in rows}  # of old shards what no present one records
    own = owned(by_source.values(), records.claims(), together=together)
    there = frozenset(entry.url for entry in entries(records.out)) if rows else frozenset()
    return _Past(done=present, old=old, rows=by_source, there=there, own=own)


def _left(shards: Sequence[Shard], past: _Past, tally: Tally, *, together: bool) -> Iterator[Load]:
    """What is left to do; what was done before is counted."""
    for shard in shards:
        carried: list[Row] = []
        fresh: list[tuple[int, Entry]] = []
        for number, entry in shard.entries:
            before = past.rows.get(entry.url)
            if before is not None and _stands(entry, before, tally.good, past.there):
                carried.append(before)
            else:
                fresh.append((number, entry))
        if together and (fresh or shard.name not in past.done):
            carried, fresh = [], list(shard.entries)
        for row in carried:
            tally.add(row, before=True)
        if fresh or shard.name not in past.done:
            part = Shard(name=shard.name, entries=tuple(fresh))
            own = {e.url: past.own[e.url] for _, e in fresh if e.url in past.own}
            yield Load(shard=part, carried=tuple(carried), own=own)


def _stands(entry: Entry, before: Row, good: str, there: Collection[str]) -> bool:
    """Whether a picture has its result, and has not changed since."""
    same = (entry.size, entry.stamp) == (before["size"], before["stamp"])
    return same and before["status"] == good and before["output"] in there


def _worked(
    engine: Engine, prepare: Carriers, loads: Sequence[Load], records: Records
) -> Iterator[Row]:
    """The new records of all shards; those that no worker could finish are taken apart."""
    unfinished: list[Load] = []
    for place, result in engine.run(prepare, loads):
        load = loads[place]
        if isinstance(result, tuple):
            yield from result[len(load.carried) :]
        elif isinstance(result, _ENDS):
            raise result
        else:
            unfinished.append(load)
    for load in unfinished:
        parts = tuple(load.parts(together=prepare.use_case.together))
        rows = list(_one_by_one(engine, prepare, parts))
        records.finish(load.shard.name, load.recorded(rows))
        yield from rows


def _one_by_one(engine: Engine, prepare: Carriers, parts: Sequence[Load]) -> Iterator[Row]:
    for place, result in engine.run(prepare, parts):
        if isinstance(result, tuple):
            yield from result
            continue
        if isinstance(result, _ENDS):
            raise result
        for _, entry in parts[place].shard.entries:
            yield failed_row(entry, _told(entry, result))


def _told(entry: Entry, error: Exception) -> Exception:
    if not isinstance(error, Died):
        return error
    return FileError(f"{entry.url}: workers died of it, or hung, every time; look at the picture")
